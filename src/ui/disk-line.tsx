import { bytes } from './format.ts';
import { useApp } from './use-app.ts';

/** Where chunks are kept, and how much room there is. */
export function DiskLine() {
  const { where, space } = useApp((state) => state.disk);
  if (where.kind !== 'disk') {
    return (
      <p className="mm-disk" data-testid="disk">
        New chunks are kept in memory: a reload fetches them again.
      </p>
    );
  }
  if (space === null) return null;
  const { used, quota, isPersistent } = space;
  return (
    <p className="mm-disk" data-testid="disk">
      {bytes(used)} stored by this page and its other tabs, of {bytes(quota)} that the browser
      allows.{' '}
      {isPersistent
        ? 'Kept until you delete it.'
        : 'The browser may delete it when the disk runs short.'}
    </p>
  );
}
