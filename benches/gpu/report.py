"""The report: gpu.json and gpu.md, rewritten after every result, so that an aborted run keeps its results."""

import json
import time
from pathlib import Path


class Part:
    """One part's status, checks, facts and tables."""

    def __init__(self, report: "Report", name: str, title: str):
        self.report = report
        self.name = name
        self.data = {"title": title, "status": "running", "checks": [], "facts": {}, "tables": {}}
        report.parts[name] = self.data

    def check(self, what: str, passed: bool, detail: str = "") -> None:
        """A condition that must hold."""
        self.data["checks"].append({"check": what, "passed": bool(passed), "detail": detail})
        self.report.write()

    def fact(self, name: str, value) -> None:
        self.data["facts"][name] = value
        self.report.write()

    def row(self, table: str, **columns) -> None:
        """A row of a table; None means not measured."""
        self.data["tables"].setdefault(table, []).append(columns)
        self.report.write()

    def end(self, seconds: float, failure: str | None = None, skipped: str | None = None) -> None:
        failed = [check["check"] for check in self.data["checks"] if not check["passed"]]
        if failure is None and failed:
            failure = "failed: " + "; ".join(failed)
        if failure is None and not skipped and not self.data["checks"]:
            failure = "nothing was checked"
        self.data["status"] = "failed" if failure else "not run" if skipped else "passed"
        self.data["reason"] = failure or skipped
        self.data["seconds"] = round(seconds, 1)
        self.report.write()


class Report:
    """All parts, and a description of the machine and the versions."""

    def __init__(self, folder: Path, about: dict):
        self.folder, self.about, self.parts = folder, about, {}
        self.started = time.monotonic()
        folder.mkdir(parents=True, exist_ok=True)

    def write(self) -> None:
        self.about["seconds"] = round(time.monotonic() - self.started, 1)
        whole = {"about": self.about, "parts": self.parts}
        replace(self.folder / "gpu.json", json.dumps(whole, indent=1, ensure_ascii=False) + "\n")
        replace(self.folder / "gpu.md", markdown(whole))


def replace(path: Path, text: str) -> None:
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


def markdown(whole: dict) -> str:
    lines = ["# GPU check", "", *table([{"what": name, "value": value} for name, value in whole["about"].items()])]
    overview = [
        {"part": name, "title": part["title"], "status": part["status"], "s": part.get("seconds"),
         "reason": part.get("reason")}
        for name, part in whole["parts"].items()
    ]
    lines += [*table(overview)]
    for name, part in whole["parts"].items():
        lines += [f"## {name}: {part['title']}", ""]
        lines += table(part["checks"])
        lines += table([{"fact": fact, "value": value} for fact, value in part["facts"].items()])
        for title, rows in part["tables"].items():
            lines += [f"{title}:", "", *table(rows)]
    return "\n".join(lines) + "\n"


def table(rows: list[dict]) -> list[str]:
    """Rows as a Markdown table with the union of their columns; an empty list if there are no rows."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    if not columns:
        return []
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(cell(row.get(column)) for column in columns) + " |" for row in rows]
    return [*lines, ""]


def cell(value) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"
    return str(value).replace("|", "/").replace("\n", " ")
