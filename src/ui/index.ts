export { App } from './app.tsx';
export { ErrorBoundary } from './error-boundary.tsx';
export { cssVariables, theme } from './theme.ts';
