import { Button, CopyButton } from '@mantine/core';
import { IconCheck, IconCopy, IconExternalLink } from '@tabler/icons-react';
import { useShallow } from 'zustand/react/shallow';
import { counted } from './format.ts';
import { useApp } from './use-app.ts';

/** Asks for company while there are fewer ready members than a round needs. */
export function InviteCard() {
  const { task, needed, online, ready, shown } = useApp(
    useShallow(({ task, members, connection, finished }) => {
      const needed = task?.description.members.minimum ?? 0;
      const ready = members.filter((member) => member.ready && member.online).length;
      return {
        task: task?.id,
        needed,
        online: members.filter((member) => member.online).length,
        ready,
        shown: connection.state === 'online' && !finished && ready < needed,
      };
    }),
  );
  if (!shown || task === undefined) return null;
  const link = `${location.origin}${location.pathname}#/task/${task}`;
  const missing = needed - online;
  return (
    <section className="mm-invite" aria-label="Invite members" data-testid="invite">
      <div className="mm-seats" aria-hidden>
        {Array.from({ length: Math.min(needed, 20) }, (_, seat) => (
          <span key={seat} data-seat={seat < ready ? 'ready' : seat < online ? 'here' : 'free'} />
        ))}
      </div>
      <div className="mm-invite-text">
        <h2>{missing > 0 ? 'Open this page in another tab' : 'Almost there'}</h2>
        <p>
          A round needs {counted(needed, 'member')} with data: {online} here, {ready} ready.{' '}
          {missing > 0
            ? 'Any browser that reaches this page will do.'
            : 'It starts as soon as the others have loaded their data.'}
        </p>
      </div>
      <div className="mm-invite-actions">
        <Button
          component="a"
          href={link}
          target="_blank"
          rel="noopener"
          leftSection={<IconExternalLink size={16} aria-hidden />}
        >
          Open another tab
        </Button>
        <CopyButton value={link} timeout={2000}>
          {({ copied, copy }) => (
            <Button
              variant="default"
              onClick={copy}
              leftSection={copied ? <IconCheck size={16} /> : <IconCopy size={16} />}
            >
              {copied ? 'Copied' : 'Copy link'}
            </Button>
          )}
        </CopyButton>
      </div>
    </section>
  );
}
