import type { Column, TableData } from '../protocol/index.ts';

/** The columns that a CSV file must have; the target is marked. */
export function ColumnList({ data }: { readonly data: TableData }) {
  return (
    <details className="mm-columns" open={data.columns.length <= 12}>
      <summary>{data.columns.length + 1} columns are expected</summary>
      <ul>
        {data.columns.map((column) => (
          <li key={column.name} title={kindOf(column)}>
            {column.name}
          </li>
        ))}
        <li data-target title={kindOf(data.target)}>
          {data.target.name} <span>target</span>
        </li>
      </ul>
    </details>
  );
}

function kindOf(column: Column): string {
  return column.kind === 'numeric'
    ? 'a number'
    : `one of: ${column.values.slice(0, 20).join(', ')}`;
}
