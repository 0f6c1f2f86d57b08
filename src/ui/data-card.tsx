import { Alert, Button, Loader } from '@mantine/core';
import { IconAlertTriangle, IconLock } from '@tabler/icons-react';
import type { DataState } from '../app/index.ts';
import type { DataDescription } from '../protocol/index.ts';
import { ClassBalance } from './class-balance.tsx';
import { ColumnList } from './column-list.tsx';
import { DropZone } from './drop-zone.tsx';
import { count, sentence } from './format.ts';
import { SectionCard } from './section-card.tsx';
import { useApp, useControls } from './use-app.ts';
import { classNames } from './words.ts';

/** The data that this tab trains on, and how to bring one's own. */
export function DataCard() {
  const controls = useControls();
  const description = useApp((state) => state.task?.description.data);
  const data = useApp((state) => state.data);
  if (!description) return null;
  const builtIn = description.kind === 'image' && description.builtIn !== null;
  return (
    <SectionCard
      title="Your data"
      aside={
        <span className="mm-private">
          <IconLock size={14} aria-hidden /> Nothing of your data leaves this tab
        </span>
      }
    >
      <div className="mm-data" data-testid="data-state" data-state={data.state}>
        <Status data={data} description={description} />
        <DropZone data={description} />
        {description.kind === 'table' && <ColumnList data={description} />}
        {builtIn && (
          <Button
            variant="default"
            size="xs"
            disabled={data.state === 'loading'}
            onClick={() => controls.useBuiltIn()}
          >
            Use built-in digits
          </Button>
        )}
      </div>
    </SectionCard>
  );
}

interface StatusProps {
  readonly data: DataState;
  readonly description: DataDescription;
}

function Status({ data, description }: StatusProps) {
  switch (data.state) {
    case 'none':
      return <p className="mm-data-line">No data yet: this tab verifies and seeds only.</p>;
    case 'loading':
      return (
        <p className="mm-data-line" role="status">
          <Loader size={16} aria-hidden /> Reading {data.what}…
        </p>
      );
    case 'refused':
      return (
        <Alert
          color="red"
          className="mm-alert"
          icon={<IconAlertTriangle size={18} aria-hidden />}
          title="These files do not fit the task"
          data-testid="data-problem"
        >
          {sentence(data.reason)}
        </Alert>
      );
    case 'ready': {
      const { source, training, validation, classes } = data.summary;
      return (
        <>
          <p className="mm-data-line">
            <strong className="mm-source" title={source}>
              {source}
            </strong>
            <span>
              {count(training)} to train on, {count(validation)} to validate
            </span>
          </p>
          {classes !== null && <ClassBalance counts={classes} names={classNames(description)} />}
        </>
      );
    }
  }
}
