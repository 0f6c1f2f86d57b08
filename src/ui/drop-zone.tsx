import { IconFileUpload } from '@tabler/icons-react';
import { useId, type ChangeEvent } from 'react';
import type { DataDescription } from '../protocol/index.ts';
import { useControls } from './use-app.ts';
import { useFileDrop } from './use-file-drop.ts';
import { filesInWords } from './words.ts';

/** Takes the user's own files, dropped or chosen. */
export function DropZone({ data }: { readonly data: DataDescription }) {
  const controls = useControls();
  const dragging = useFileDrop((files) => controls.useFiles(files));
  const id = useId();
  const choose = ({ currentTarget }: ChangeEvent<HTMLInputElement>) => {
    controls.useFiles([...(currentTarget.files ?? [])]);
    currentTarget.value = ''; // the same file can be chosen again
  };
  return (
    <div className="mm-drop" data-dragging={dragging}>
      <IconFileUpload size={22} stroke={1.5} aria-hidden />
      <p>
        {dragging ? (
          'Drop to train on these files.'
        ) : (
          <>
            Drop your own files here, or{' '}
            <span className="mm-choose">
              <input
                id={id}
                type="file"
                multiple
                onChange={choose}
                aria-describedby={`${id}-hint`}
                data-testid="file-input"
              />
              <label htmlFor={id}>Choose files</label>
            </span>
          </>
        )}
      </p>
      <p className="mm-hint" id={`${id}-hint`}>
        {filesInWords(data)}
      </p>
    </div>
  );
}
