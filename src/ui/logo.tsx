/** A flock in a turn. */
export function Logo() {
  return (
    <svg className="mm-logo" viewBox="0 0 32 32" aria-hidden>
      <g fill="currentColor">
        <circle cx="6" cy="20" r="2.2" opacity=".55" />
        <circle cx="10" cy="14" r="2.6" opacity=".75" />
        <circle cx="12" cy="21.5" r="2.6" />
        <circle cx="16" cy="9" r="2.2" opacity=".75" />
        <circle cx="17.5" cy="16" r="3" />
        <circle cx="19" cy="23.5" r="2.2" opacity=".75" />
        <circle cx="23" cy="11" r="2.6" />
        <circle cx="24.5" cy="18" r="2.2" opacity=".75" />
        <circle cx="28" cy="6.5" r="1.7" opacity=".55" />
      </g>
    </svg>
  );
}
