import { Button } from '@mantine/core';
import { IconPlugConnectedX, IconRefresh } from '@tabler/icons-react';
import { sentence } from './format.ts';
import { useApp } from './use-app.ts';

/** Says that nothing more happens in this tab, why, and what to do about it. */
export function StoppedCard() {
  const connection = useApp((state) => state.connection);
  if (connection.state !== 'stopped') return null;
  return (
    <section className="mm-stopped" role="alert" data-testid="stopped">
      <IconPlugConnectedX size={36} stroke={1.5} aria-hidden />
      <h2>This tab has stopped</h2>
      <p className="mm-stopped-reason">{sentence(connection.reason)}</p>
      <p>
        Reload the page to join again: chunks that this tab has verified are kept. If it stops for
        the same reason, ask whoever runs the coordinator, or follow a fresh link to the task.
      </p>
      <Button
        leftSection={<IconRefresh size={16} aria-hidden />}
        onClick={() => location.reload()}
        mt="xs"
      >
        Reload
      </Button>
    </section>
  );
}
