import { Button } from '@mantine/core';
import { useState } from 'react';

interface Props {
  readonly label: string;
  /** What it says when it was pressed once. */
  readonly confirm: string;
  readonly busy: boolean;
  readonly disabled: boolean;
  readonly onConfirm: () => void;
}

/** A button for what cannot be undone: it has to be pressed twice. */
export function ConfirmButton({ label, confirm, busy, disabled, onConfirm }: Props) {
  const [armed, setArmed] = useState(false);
  return (
    <Button
      size="compact-xs"
      variant={armed ? 'filled' : 'default'}
      {...(armed ? { color: 'red' } : {})}
      loading={busy}
      disabled={disabled}
      onBlur={() => setArmed(false)}
      onClick={() => {
        setArmed(!armed);
        if (armed) onConfirm();
      }}
    >
      {armed ? confirm : label}
    </Button>
  );
}
