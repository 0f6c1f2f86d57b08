import { Component, type ReactNode } from 'react';
import { messageOf } from '../lib/index.ts';

interface State {
  readonly problem: string | null;
}

/** Shows what is left to do if the page cannot be drawn. Plain HTML: nothing here may fail, too. */
export class ErrorBoundary extends Component<{ readonly children: ReactNode }, State> {
  override state: State = { problem: null };

  static getDerivedStateFromError(thrown: unknown): State {
    return { problem: messageOf(thrown) };
  }

  override render() {
    const { problem } = this.state;
    if (problem === null) return this.props.children;
    return (
      <main className="mm-crash" role="alert">
        <h1>The page could not be drawn</h1>
        <p>
          That is a mistake in Murmuration, not in your data. This tab may still be connected;
          reloading starts it afresh and picks up verified chunks where it left off.
        </p>
        <pre>{problem}</pre>
        <button type="button" onClick={() => location.reload()}>
          Reload
        </button>
      </main>
    );
  }
}
