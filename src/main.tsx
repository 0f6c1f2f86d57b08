import { MantineProvider } from '@mantine/core';
import '@mantine/core/styles.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { startParticipant } from './app/index.ts';
import { App, cssVariables, ErrorBoundary, theme } from './ui/index.ts';

const root = document.getElementById('root');
if (root === null) throw new Error('index.html has no #root');
const participant = startParticipant();

createRoot(root).render(
  <StrictMode>
    <MantineProvider theme={theme} cssVariablesResolver={cssVariables} defaultColorScheme="auto">
      <ErrorBoundary>
        <App participant={participant} />
      </ErrorBoundary>
    </MantineProvider>
  </StrictMode>,
);
