import { ActionIcon, useComputedColorScheme, useMantineColorScheme } from '@mantine/core';
import { IconMoon, IconSun } from '@tabler/icons-react';
import { ConnectionBadge } from './connection-badge.tsx';
import { Logo } from './logo.tsx';
import { PeerName } from './peer-name.tsx';
import { useApp } from './use-app.ts';

export function Header() {
  const self = useApp((state) => state.self);
  return (
    <header className="mm-header">
      <div className="mm-bar">
        <Logo />
        <h1 className="mm-name">Murmuration</h1>
        <div className="mm-bar-end">
          {self !== null && (
            <span className="mm-self" data-testid="self-id" data-id={self} title={self}>
              <span className="mm-self-label">You are</span>
              <PeerName id={self} />
            </span>
          )}
          <ConnectionBadge />
          <SchemeSwitch />
        </div>
      </div>
    </header>
  );
}

function SchemeSwitch() {
  const { setColorScheme } = useMantineColorScheme();
  const scheme = useComputedColorScheme('light', { getInitialValueInEffect: false });
  const other = scheme === 'light' ? 'dark' : 'light';
  const Icon = scheme === 'light' ? IconMoon : IconSun;
  const label = `Use ${other} colours`;
  return (
    <ActionIcon
      variant="subtle"
      color="gray"
      size={34}
      aria-label={label}
      title={label}
      onClick={() => setColorScheme(other)}
    >
      <Icon size={18} aria-hidden />
    </ActionIcon>
  );
}
