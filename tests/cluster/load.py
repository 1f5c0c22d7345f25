"""`loadtest` beside a cluster: people who talk and ask for support, and the oracle's verdict."""

import json
import signal
import subprocess

from cluster import LOADTEST

# Longest time between the end of the faults and the end of the load.
SPARE_S = 600
# Clients come back fast, and leave a server that says nothing.
MANNERS = ["--reconnect-max-ms", "1000", "--quiet-ms", "5000", "--give-up-ms", "120000"]
VERDICT_WITHIN_S = 480


class Load:
    """One `loadtest`, from its start to what the oracle says."""

    def __init__(self, scenario, arguments, folder, seconds, settle_ms):
        self.scenario = scenario
        self.report = folder / f"{scenario}.json"
        self.talk = folder / f"{scenario}.log"
        command = [
            LOADTEST,
            scenario,
            *("--seconds", seconds + SPARE_S, "--settle-ms", settle_ms, "--json"),
            *MANNERS,
            *arguments,
        ]
        with self.report.open("wb") as out, self.talk.open("wb") as err:
            self.process = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=out, stderr=err
            )

    def is_running(self):
        return self.process.poll() is None

    def end(self):
        """Nobody begins anything new; what is under way comes to its end."""
        if self.is_running():
            self.process.send_signal(signal.SIGINT)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def verdict(self):
        """What is wrong, in words; empty if nothing is."""
        try:
            code = self.process.wait(VERDICT_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.kill()
            return [f"{self.scenario}: no verdict within {VERDICT_WITHIN_S} s"]
        text = self.report.read_text()
        if not text.strip():
            return [f"{self.scenario}: ended with {code}: {self.talk.read_text().strip()}"]
        report = json.loads(text)
        print(f"  {self.scenario}: {_summary(report)}", flush=True)
        findings = report["findings"]
        wrong = [f"{self.scenario}: {line}" for line in findings["first"]]
        if findings["total"] > len(wrong):
            wrong.append(f"{self.scenario}: {findings['total']} findings: {findings['by_kind']}")
        if code != 0 and not wrong:
            wrong.append(f"{self.scenario}: ended with {code}")
        return wrong


def _summary(report):
    parts = [
        f"{report['acked']} acknowledged, {report['delivered']} delivered",
        f"{report['reconnects']} reconnects",
        f"{report['duplicates_merged']} duplicates merged, {report['gaps_read']} gaps read",
    ]
    for name in ("requests_claimed", "requests_ended"):
        if name in report["extra"]:
            parts.append(f"{name.replace('_', ' ')} {report['extra'][name]:.0f}")
    for name in ("ack", "delivery", "back", "moved", "offline"):
        if name in report["latency"]:
            latency = report["latency"][name]
            p50, p99, most = (latency[f"{key}_us"] // 1000 for key in ("p50", "p99", "max"))
            parts.append(f"{name} p50 {p50} p99 {p99} max {most} ms")
    if report["errors"]:
        parts.append(f"errors {report['errors']}")
    return "; ".join(parts)
