import { Alert } from '@mantine/core';
import { IconInfoCircle } from '@tabler/icons-react';
import { useState } from 'react';
import { useApp } from './use-app.ts';

const full =
  'Chunks are kept in memory only: there is no more room on the disk for this page. ' +
  'What was kept of older rounds is gone already; free some space, or close other tabs of this page.';

/** What works less well than it could; each can be put away. */
export function Notices() {
  const said = useApp((state) => state.notices);
  const isFull = useApp((state) => state.disk.where.kind === 'full');
  const notices = isFull ? [...said, full] : said;
  const [dismissed, setDismissed] = useState<readonly string[]>([]);
  const shown = notices.filter((notice) => !dismissed.includes(notice));
  if (shown.length === 0) return null;
  return (
    <div className="mm-notices" role="status">
      {shown.map((notice) => (
        <Alert
          key={notice}
          color="yellow"
          icon={<IconInfoCircle size={18} aria-hidden />}
          withCloseButton
          closeButtonLabel="Dismiss this notice"
          onClose={() => setDismissed((before) => [...before, notice])}
          className="mm-alert mm-notice"
          data-testid="notice"
        >
          {notice}
        </Alert>
      ))}
    </div>
  );
}
