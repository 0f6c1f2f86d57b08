import { isIP } from 'node:net';
import { hostname } from 'node:os';

/** What a request says of where it goes to and where it comes from. */
interface Whereabouts {
  readonly host?: string | undefined;
  readonly origin?: string | undefined;
}

/**
 * The names that this server answers to. A page of another origin must not speak for the user to
 * a server that only the user's machine can reach, nor one whose name was made to point here (DNS
 * rebinding): so requests go to an address or to a known name, and a page asks its own server only.
 */
export class OwnNames {
  readonly #names: ReadonlySet<string>;

  /** @param configured names beside localhost and this machine's own */
  constructor(configured: readonly string[]) {
    const machine = hostname().toLowerCase();
    const own = ['localhost', machine, `${machine}.local`];
    this.#names = new Set([...own, ...configured.map((name) => name.toLowerCase())]);
  }

  /** Why a request is not for this server, with what to do; null if it is. */
  problem({ host = '', origin }: Whereabouts): string | null {
    const target = parsed(`http://${host}`);
    const name = target?.hostname ?? '';
    const isKnown = this.#names.has(name) || isIP(name.replace(/^\[|\]$/g, '')) !== 0;
    if (target === null || !isKnown) {
      return `this server does not answer to the name “${name}”: set MURMURATION_NAMES=${name || 'NAME'}`;
    }
    if (origin === undefined) return null; // no page
    if (parsed(origin)?.host === host.toLowerCase()) return null;
    return `a page of ${origin.slice(0, 100)} asks, which is not from here`;
  }
}

function parsed(url: string): URL | null {
  return URL.canParse(url) ? new URL(url) : null;
}
