import { memo } from 'react';
import type { Member } from '../protocol/index.ts';
import { count } from './format.ts';
import { PeerName } from './peer-name.tsx';
import { Empty, SectionCard } from './section-card.tsx';
import { useApp } from './use-app.ts';

/** Everybody who has joined the task: this tab first, then who trains, who seeds, who is away. */
export function MembersCard() {
  const members = useApp((state) => state.members);
  const self = useApp((state) => state.self);
  const cohort = useApp((state) => state.cohort);
  const running = useApp((state) => state.round !== null);
  const rank = ({ peer, online, ready }: Member) =>
    peer === self ? 0 : !online ? 3 : ready ? 1 : 2;
  const sorted = members.toSorted((a, b) => rank(a) - rank(b));
  const online = members.filter((member) => member.online).length;
  return (
    <SectionCard title="Members" aside={<span className="mm-aside">{online} online</span>}>
      {members.length === 0 ? (
        <Empty>Nobody has joined yet.</Empty>
      ) : (
        <div className="mm-scroll" tabIndex={0} role="region" aria-label="Table of members">
          <table className="mm-table">
            <thead>
              <tr>
                <th scope="col">Member</th>
                <th scope="col">State</th>
                <th scope="col" className="mm-number">
                  Samples
                </th>
              </tr>
            </thead>
            <tbody>
              {sorted.map((member) => (
                <Row
                  key={member.peer}
                  member={member}
                  you={member.peer === self}
                  training={running && cohort.includes(member.peer)}
                />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </SectionCard>
  );
}

interface RowProps {
  readonly member: Member;
  readonly you: boolean;
  readonly training: boolean;
}

const Row = memo(function Row({ member, you, training }: RowProps) {
  const { peer, online, ready, samples } = member;
  const state = !online ? 'away' : !ready ? 'seeding only' : training ? 'in this round' : 'ready';
  return (
    <tr
      data-testid="member-row"
      data-peer={peer}
      data-online={online}
      data-ready={ready}
      data-samples={samples}
    >
      <td>
        <PeerName id={peer} you={you} />
      </td>
      <td>
        <span className="mm-state" data-tone={!online ? 'off' : ready ? 'good' : 'busy'}>
          <span className="mm-dot" aria-hidden />
          {state}
        </span>
      </td>
      <td className="mm-number">{ready ? count(samples) : '–'}</td>
    </tr>
  );
});
