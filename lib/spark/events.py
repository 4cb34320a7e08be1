"""What Spark's event log says about tasks: when and where each ran, and what it shuffled.

The log is what Spark's own web pages are drawn from: one JSON object a line, its kind in `Event`
(https://spark.apache.org/docs/4.0.0/monitoring.html).
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from lib.spark.java import SparkError

if TYPE_CHECKING:
    import pandas as pd


def _lines(file: Path) -> list[dict]:
    """The events of a log; a last line that Spark has not finished writing is left for the next reading."""
    try:
        lines = file.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        remedy = "write it with spark.eventLog.compress and spark.eventLog.rolling.enabled false"
        raise SparkError(f"{file.name} can't be read as an event log ({error}); {remedy}") from None
    events = []
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        try:
            event = json.loads(line)
        except json.JSONDecodeError:
            if number == len(lines):
                break
            event = None
        if not isinstance(event, dict) or "Event" not in event:
            raise SparkError(f"{file.name}: line {number} is no event; is this a log that Spark wrote?")
        events.append(event)
    if not events or events[0]["Event"] != "SparkListenerLogStart":
        raise SparkError(f"{file.name} is no event log of Spark; set spark.eventLog.enabled and run a job")
    return events


def _rows(events: list[dict]) -> list[tuple]:
    """A row a task that succeeded; KeyError or TypeError where an event before it is missing."""
    job_of, names, rows, began = {}, {}, [], None
    for event in events:
        kind = event["Event"]
        if kind == "SparkListenerApplicationStart":
            began = event["Timestamp"]
        elif kind == "SparkListenerJobStart":
            description = event.get("Properties", {}).get("spark.job.description", "")
            for stage in event["Stage IDs"]:  # a stage whose shuffle is still there is skipped by later jobs
                job_of[stage] = (event["Job ID"], description)
        elif kind == "SparkListenerStageSubmitted":
            names[event["Stage Info"]["Stage ID"]] = event["Stage Info"]["Stage Name"]
        elif kind == "SparkListenerTaskEnd" and event["Task End Reason"]["Reason"] == "Success":
            info, measured, stage = event["Task Info"], event["Task Metrics"], event["Stage ID"]
            out, into = measured["Shuffle Write Metrics"], measured["Shuffle Read Metrics"]
            rows.append(
                (
                    *job_of[stage],
                    stage,
                    names[stage],
                    info["Partition ID"],
                    info["Executor ID"],
                    (info["Launch Time"] - began) / 1000,
                    (info["Finish Time"] - began) / 1000,
                    out["Shuffle Records Written"],
                    out["Shuffle Bytes Written"],
                    into["Total Records Read"],
                    into["Local Bytes Read"] + into["Remote Bytes Read"],
                    measured["Result Size"],
                )
            )
    return rows


def read_tasks(file: Path) -> "pd.DataFrame":
    """One row a task that succeeded, in the order in which they ended.

    Parameters
    ----------
    file : an event log, uncompressed and in one piece (`spark.eventLog.rolling.enabled` false).

    Returns
    -------
    Columns: `job`, its `description` (as `setJobDescription` gave it, or ""), `stage`, `stage_name`, `partition`,
    `executor`, `start` and `end` (seconds since the log began), and records and bytes a task wrote for a shuffle
    (`records_out`, `bytes_out`) and read from one (`records_in`, `bytes_in`), and the bytes of its answer to the driver
    (`result_bytes`), which holds the result and what Spark counted while the task ran.

    Raises
    ------
    SparkError
        The file is missing, compressed, incomplete or no event log.
    """
    import pandas as pd

    columns = ["job", "description", "stage", "stage_name", "partition", "executor", "start", "end"]
    columns += ["records_out", "bytes_out", "records_in", "bytes_in", "result_bytes"]
    try:
        rows = _rows(_lines(file))
    except (KeyError, TypeError) as error:
        raise SparkError(f"{file.name} is incomplete ({type(error).__name__}: {error}); run the job again") from None
    return pd.DataFrame(rows, columns=columns)
