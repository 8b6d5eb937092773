"""Makes the tables of a report: times and ratios, then compile times and memory; and the short one for README.md."""

SHOWN = ("dlm_backward_2_1600", "dlm_backward_4_1600", "dlm_backward_13_1600", "kalman_2", "kalman_4", "kalman_8",
         "kalman_13", "kalman_gradient_4", "kalman_batch", "runge_kutta", "lstm_128", "sort")
JAXJS_GOAL = 10
PEERS = {"jaxc": "jaxc", "plain": "plain C", "xla": "XLA", "xla_tuned": "XLA tuned", "jaxjs": "jax-js"}


def seconds(row, peer):
    """The time of a call, or None."""
    return row["peers"].get(peer, {}).get("seconds")


def best_xla(row):
    """The better of XLA's columns, or None."""
    times = [time for time in (seconds(row, "xla"), seconds(row, "xla_tuned")) if time is not None]
    return min(times, default=None)


def ratio(time, ours):
    return None if time is None or ours is None else time / ours


def time_text(time):
    """Three digits in the unit that suits."""
    if time is None:
        return "-"
    for unit, scale in (("ns", 1e-9), ("us", 1e-6), ("ms", 1e-3)):
        if time < 999.5 * scale:
            break
    else:
        unit, scale = "s", 1
    return f"{time / scale:.3g} {unit}" if time < 100 * scale else f"{time / scale:.0f} {unit}"


def ratio_text(value):
    if value is None:
        return "-"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def _against(value, goal):
    """A ratio with the one to reach, in bold when that is missed."""
    if value is None or goal is None:
        return ratio_text(value)
    return f"{ratio_text(value)} of {goal:.2g}" if value >= goal else f"**{ratio_text(value)}** of {goal:.2g}"


def _title(row):
    return row["title"] + (", a step" if row["steps"] > 1 else "")


def _lines(header, rows):
    yield "| " + " | ".join(header) + " |"
    yield "|" + "---|" * len(header)
    for row in rows:
        yield "| " + " | ".join(row) + " |"


def _time_rows(report):
    for row in report["workloads"].values():
        ours, plain, xla = seconds(row, "jaxc"), seconds(row, "plain"), best_xla(row)
        per_step = [time and time / row["steps"] for time in (seconds(row, peer) for peer in PEERS)]
        hand = plain * row["hand"] if plain and row["hand"] else None
        yield [
            _title(row), *map(time_text, per_step), _against(ratio(xla, ours), row["goal"]),
            _against(ratio(plain, ours), row["plain_goal"]), ratio_text(ratio(hand, ours)),
            _against(ratio(seconds(row, "jaxjs"), ours), JAXJS_GOAL)]


def _cost_rows(report):
    def megabytes(row, peer):
        value = row["peers"].get(peer, {}).get("memory_bytes")
        return "-" if value is None else f"{value / 1e6:.1f}"

    for row in report["workloads"].values():
        compile_times = [row["peers"].get(peer, {}).get("compile_seconds") for peer in ("jaxc", "xla")]
        cached = row["peers"].get("jaxc", {}).get("cached_seconds")
        yield [row["title"], *map(time_text, [*compile_times, cached]), ratio_text(ratio(compile_times[1], compile_times[0])),
               megabytes(row, "jaxc"), megabytes(row, "xla"), megabytes(row, "jaxjs")]


def _failures(report):
    for peer, reason in report["absent"].items():
        yield f"- {PEERS[peer]}: {reason}, so it was not run."
    refusals = {}
    for row in report["workloads"].values():
        for peer, answer in row["peers"].items():
            if "error" in answer:
                refusals.setdefault((peer, answer["error"].split(": ")[-1].strip()), []).append(row["title"])
    for (peer, reason), titles in refusals.items():
        yield f"- {PEERS[peer]} ({reason}): {'; '.join(titles)}."


def markdown(report):
    """All tables of a report."""
    machine = report["machine"]
    parts = [f"{machine['processor']}, {machine['cores']} cores; {machine['compiler'] or 'no clang'}, JAX {machine['jax']}; "
             f"{machine['date']}.", ""]
    parts += _lines(["workload", *PEERS.values(), "XLA / jaxc", "C / jaxc", "hand / jaxc", "jax-js / jaxc"],
                    _time_rows(report))
    parts += ["", *_lines(["workload", "compile, jaxc", "compile, XLA", "jaxc from its disk cache", "XLA / jaxc", "MB, jaxc", "MB, XLA", "MB, jax-js"],
                          _cost_rows(report))]
    failures = list(_failures(report))
    if failures:
        parts += ["", "What was not measured:", "", *failures]
    return "\n".join(parts)


def summary(report):
    """Some workloads on jaxc, plain C and the better of XLA's columns."""
    rows = []
    for name in SHOWN:
        row = report["workloads"].get(name)
        if row is None or seconds(row, "jaxc") is None:
            continue
        ours, plain, xla = (time and time / row["steps"] for time in (seconds(row, "jaxc"), seconds(row, "plain"), best_xla(row)))
        rows.append([_title(row), f"**{time_text(ours)}**", time_text(plain), time_text(xla)])
    machine = report["machine"]
    header = [f"{machine['processor']}, {machine['cores']} cores", "jaxc", "plain C, `clang -O3 -march=native`",
              "XLA:CPU, better of default and tuned"]
    return "\n".join(_lines(header, rows))
