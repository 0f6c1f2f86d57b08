import { Paper, Title } from '@mantine/core';
import { useId, type ReactNode } from 'react';

interface Props {
  readonly title: string;
  /** What stands at the right of the title. */
  readonly aside?: ReactNode;
  /** Its content scrolls instead of making the card taller. */
  readonly filling?: boolean;
  readonly children: ReactNode;
}

/** A card of the dashboard: a region with a heading. */
export function SectionCard({ title, aside, filling = false, children }: Props) {
  const id = useId();
  return (
    <Paper
      component="section"
      withBorder
      className={filling ? 'mm-card mm-filling' : 'mm-card'}
      aria-labelledby={id}
    >
      <div className="mm-card-head">
        <Title order={2} id={id} className="mm-card-title">
          {title}
        </Title>
        {aside}
      </div>
      {children}
    </Paper>
  );
}

export function Empty({ children }: { readonly children: ReactNode }) {
  return <p className="mm-empty">{children}</p>;
}
