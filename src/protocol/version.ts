/** Both ends of a connection speak the same version or none. */
export const protocolVersion = 6;
