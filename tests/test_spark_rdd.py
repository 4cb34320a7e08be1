"""Spark for a notebook: a clear word without Java, the post's numbers from its own Scala, nothing left behind."""

import gzip
import io
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import psutil
import pytest

from lib.publish.project import ROOT, PublishError, read_notebook
from lib.spark import Cluster, Spark, SparkError, build_jar, find_java, read_tasks
from lib.spark.cluster import free_port
from lib.spark.java import leashed
from lib.spark.session import environment

NOTEBOOK = ROOT / "blog" / "spark_rdd.ipynb"
RESULTS = ROOT / "data" / "results" / "spark_rdd.json"
PATIENCE = 60  # seconds for a process to notice that nobody needs it; far more than it takes
CLASSES = {"n_samples": 10_000, "n_features": 2, "n_informative": 2, "n_redundant": 0, "n_clusters_per_class": 1}


def gone(pid: int) -> bool:
    """Whether a process ends within our patience."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.1)
    return False


def interrupt(*_: object) -> None:
    """What Ctrl-C does to the call that it meets."""
    raise KeyboardInterrupt


def scala_of(name: str) -> str:
    """The Scala listing that the post keeps under a name."""
    cells = (c["source"] for c in read_notebook(NOTEBOOK)["cells"] if c["cell_type"] == "code")
    return next(found[1] for c in cells if (found := re.search(rf'r"""\n(.*)\n""",\s*"{name}"', c, re.S)))


def published_losses() -> list[float]:
    """The eleven losses of the original, as the post's own cell has them."""
    cells = (c["source"] for c in read_notebook(NOTEBOOK)["cells"] if c["cell_type"] == "code")
    (numbers,) = (found[1] for c in cells if (found := re.search(r"^published = np.array\(\s*\[(.*?)\]", c, re.S)))
    return [float(n) for n in numbers.split(",") if n.strip()]


@pytest.fixture(scope="module")
def metrics() -> dict[str, dict]:
    """What the stored run of the post recorded."""
    return json.loads(RESULTS.read_text(encoding="utf-8"))["metrics"]


def by_size(metrics: dict[str, dict], name: str) -> dict[int, dict]:
    """A metric that was recorded for several numbers of points, smallest first."""
    found = {int(m[1]): entry for key, entry in metrics.items() if (m := re.fullmatch(rf"{name}_(\d+)", key))}
    return dict(sorted(found.items()))


@pytest.mark.parametrize(("other", "open_at"), [("numpy", []), ("sklearn", [10_000])])
def test_k_means_as_one_writes_it_for_spark_was_slower_except_where_the_post_leaves_it_open(metrics, other, open_at):
    ratios = by_size(metrics, f"scala_over_{other}")
    assert max(ratios) == 10_000_000
    assert all(ratio["value"] > 1 for ratio in ratios.values())
    assert [n for n, ratio in ratios.items() if ratio["low"] <= 1] == open_at


@pytest.mark.parametrize("other", ["numpy", "sklearn"])
def test_arrays_overtake_between_the_sizes_that_the_post_names(metrics, other):
    found, ratios = metrics[f"crossing_arrays_{other}"], by_size(metrics, f"arrays_over_{other}")
    assert found["low"] == max(n for n, ratio in ratios.items() if ratio["low"] > 1)
    assert found["high"] == min(n for n, ratio in ratios.items() if ratio["high"] < 1)
    assert ratios[10_000_000]["high"] < 1


def test_python_is_slower_than_scala_at_every_size(metrics):
    assert all(ratio["low"] > 1 for ratio in by_size(metrics, "pyspark_over_scala").values())


def test_a_few_points_cost_spark_nearly_as_much_as_ten_times_as_many_and_much_more_than_numpy(metrics):
    for way in ("scala", "arrays"):
        few, more = (by_size(metrics, f"ms_{way}")[n]["value"] for n in (10_000, 100_000))
        assert few > more / 2, "most of the time is there before the first point"
        assert by_size(metrics, f"{way}_over_numpy")[10_000]["low"] > 10


def test_starts_are_better_in_the_order_that_the_post_tells(metrics):
    names = ("random", "plusplus", "greedy_plusplus")
    shares = [metrics[f"{name}_success"] for name in names]
    assert all(a["high"] < b["low"] for a, b in itertools.pairwise(shares))
    settled, random = metrics["random_success_settled"], metrics["random_success"]
    assert settled["value"] - random["value"] < 0.02, "more iterations hardly help"
    assert metrics["random_success_in_spark"]["low"] < random["value"] < metrics["random_success_in_spark"]["high"]


def test_leaving_out_cache_costs_time_where_lines_are_parsed_again_and_nothing_certain_where_not(metrics):
    assert metrics["time_without_cache"]["low"] > 1
    forgotten = metrics["time_forgotten_cache"]
    assert forgotten["low"] < 1 < forgotten["high"]


@pytest.fixture(scope="module")
def spark(java):
    """One Spark for these tests, which knows the post's definitions; where the machine's own texts are plain ASCII."""
    with environment(os.environ | {"LC_ALL": "C"}):
        running = Spark("local[2]", memory="1g")
    with running:
        for name in ("kmeans", "logistic"):
            running.scala(scala_of(name), name)
        yield running


@pytest.fixture
def fake_java(tmp_path, monkeypatch):
    """A `java` alone on the PATH that answers as told."""

    def put(answer: str, code: int = 0) -> None:
        file = tmp_path / "java"
        file.write_text(f"#!/bin/sh\necho '{answer}' >&2\nexit {code}\n")
        file.chmod(0o755)

    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    return put


def test_missing_java_is_answered_with_how_to_get_it(fake_java):
    with pytest.raises(SparkError, match=r"17 or 21.*no java on the PATH: sudo apt install openjdk-17") as caught:
        find_java()
    assert "\n" not in str(caught.value)


def test_an_empty_java_home_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nowhere"))
    with pytest.raises(SparkError, match=r"nowhere, which holds no bin/java.*sudo apt install"):
        find_java()


@pytest.mark.parametrize(
    ("version", "seen"), [("1.8.0_392", "8"), ("11.0.2", "11"), ("23", "23"), ("24.0.1", "24"), ("25", "25")]
)
def test_a_java_that_is_too_old_or_too_new_for_spark_is_refused(fake_java, version, seen):
    fake_java(f'openjdk version "{version}"')
    with pytest.raises(SparkError, match=rf"is Java {seen}; Spark needs Java 17 or 21 .*sudo apt install") as caught:
        find_java()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("version", ["17.0.15", "21", "21.0.1+12", "22.0.2"])
def test_java_17_to_22_are_accepted(fake_java, tmp_path, version):
    fake_java(f'openjdk version "{version}"')
    assert find_java() == str(tmp_path / "java")


def test_a_java_that_does_not_run_is_refused(fake_java):
    fake_java("Unable to locate a Java Runtime", code=1)
    with pytest.raises(SparkError, match="does not run as Java does"):
        find_java()


def test_spark_leaves_nothing_behind_when_java_is_missing(fake_java, tmp_path, monkeypatch):
    pytest.importorskip("pyspark")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(SparkError, match="sudo apt"):
        Spark()
    with pytest.raises(SparkError, match="sudo apt"):
        Cluster()
    assert list(tmp_path.iterdir()) == []


def test_a_leashed_program_tells_how_it_ended():
    assert leashed(["sh", "-c", "exit 3"]).wait() == 3


def test_a_leashed_program_ends_when_its_leash_is_let_go():
    keeper = leashed(["sleep", "600"])
    until = time.monotonic() + PATIENCE
    while not (below := psutil.Process(keeper.pid).children()) and time.monotonic() < until:
        time.sleep(0.05)
    keeper.stdin.close()
    assert below
    assert all(gone(p.pid) for p in below)
    assert keeper.wait() != 0


def test_an_interrupted_start_leaves_no_process_and_no_folder(tmp_path, monkeypatch):
    pytest.importorskip("pyspark")
    idle = subprocess.Popen(["sleep", "600"], stdin=subprocess.PIPE)
    gateway = SimpleNamespace(proc=idle, shutdown=lambda: None)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("lib.spark.session.find_java", lambda: "java")
    monkeypatch.setattr("pyspark.java_gateway.launch_gateway", lambda *_: gateway)
    monkeypatch.setattr(Spark, "_start_interpreter", interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            Spark()
        assert idle.poll() is not None
        assert list(tmp_path.iterdir()) == []
    finally:
        idle.kill()
        idle.wait()


def test_a_spark_that_was_stopped_says_so_whatever_is_asked(tmp_path):
    pytest.importorskip("pyspark")
    stopped = Spark.__new__(Spark)
    stopped.context = stopped._gateway = stopped._interpreter = None
    stopped.folder = tmp_path
    stopped.stop()
    asked = [lambda: stopped.scala("1"), lambda: stopped.value("x"), stopped.events, lambda: stopped.process]
    for ask in asked:
        with pytest.raises(SparkError, match="was stopped: start another"):
            ask()


def test_an_interrupted_job_ends(tmp_path, monkeypatch):
    pytest.importorskip("pyspark")
    jobs = []

    def start(*_: object, **__: object) -> subprocess.Popen:
        jobs.append(leashed(["sleep", "600"]))
        jobs[0].stdout = io.StringIO()
        monkeypatch.setattr(jobs[0].stdout, "read", interrupt)
        return jobs[0]

    monkeypatch.setattr("lib.spark.cluster.leashed", start)
    cluster = Cluster.__new__(Cluster)
    cluster.folder, cluster.master, cluster.cores = tmp_path, "spark://127.0.0.1:1", 1
    with pytest.raises(KeyboardInterrupt):
        cluster.submit(tmp_path / "job.jar", "Job")
    assert jobs[0].returncode is not None


def test_a_cluster_that_nobody_stopped_removes_its_folder_at_the_end(tmp_path):
    script = """
from lib.spark import cluster
cluster.find_java = cluster.Cluster._start = cluster.Cluster._wait = lambda *_: None
print(cluster.Cluster().folder.is_dir())
"""
    env = os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=env)
    assert done.stdout == "True\n", done.stderr
    assert list(tmp_path.iterdir()) == []


def task_end(stage: int, partition: int, reason: str = "Success") -> dict:
    out = {"Shuffle Records Written": 5, "Shuffle Bytes Written": 100}
    into = {"Total Records Read": 2, "Local Bytes Read": 30, "Remote Bytes Read": 4}
    return {
        "Event": "SparkListenerTaskEnd",
        "Stage ID": stage,
        "Task End Reason": {"Reason": reason},
        "Task Info": {"Partition ID": partition, "Executor ID": "1", "Launch Time": 2500, "Finish Time": 3500},
        "Task Metrics": {"Result Size": 900, "Shuffle Write Metrics": out, "Shuffle Read Metrics": into},
    }


@pytest.fixture
def log(tmp_path):
    """An event log with one job of two tasks, one of which failed once."""
    start = {"Event": "SparkListenerJobStart", "Job ID": 7, "Stage IDs": [3]}
    events = [
        {"Event": "SparkListenerLogStart"},
        {"Event": "SparkListenerApplicationStart", "Timestamp": 2000},
        start | {"Properties": {"spark.job.description": "step"}},
        {"Event": "SparkListenerStageSubmitted", "Stage Info": {"Stage ID": 3, "Stage Name": "map"}},
        task_end(3, 0),
        task_end(3, 1, "ExceptionFailure"),
        task_end(3, 1),
    ]
    file = tmp_path / "log"
    file.write_text("\n".join(map(json.dumps, events)) + "\n")
    return file


def test_tasks_are_read_with_their_job_times_and_shuffles(log):
    tasks = read_tasks(log)
    assert tasks["partition"].tolist() == [0, 1], "each task once, failures left out"
    first = tasks.iloc[0].to_dict()
    assert (first["job"], first["description"], first["stage_name"]) == (7, "step", "map")
    assert (first["start"], first["end"]) == (0.5, 1.5)
    assert (first["records_out"], first["bytes_out"], first["records_in"], first["bytes_in"]) == (5, 100, 2, 34)
    assert first["result_bytes"] == 900


def test_a_line_that_spark_is_still_writing_is_left_out(log):
    whole = read_tasks(log)
    log.write_text(log.read_text() + '{"Event": "SparkLis')
    assert read_tasks(log).equals(whole)


def test_a_file_that_is_no_event_log_is_named(log, tmp_path):
    other = tmp_path / "other.txt"
    other.write_text('{"Event": "Something"}\n')
    with pytest.raises(SparkError, match=r"other\.txt is no event log"):
        read_tasks(other)
    log.write_text("broken\n" + log.read_text())
    with pytest.raises(SparkError, match="log: line 1 is no event"):
        read_tasks(log)


@pytest.mark.parametrize("text", ["5", "[]", "{}\n"])
def test_a_line_that_is_json_but_no_event_is_named(log, text):
    log.write_text(text)
    with pytest.raises(SparkError, match="log: line 1 is no event"):
        read_tasks(log)


def test_a_missing_a_compressed_and_a_rolling_log_are_named_with_the_remedy(log, tmp_path):
    log.write_bytes(gzip.compress(log.read_bytes()))
    (tmp_path / "rolling").mkdir()
    for file in (log, tmp_path / "rolling", tmp_path / "nowhere"):
        with pytest.raises(SparkError, match=rf"^{file.name} can't be read as an event log .*eventLog\.compress"):
            read_tasks(file)


@pytest.mark.parametrize("lost", range(1, 4))
def test_a_log_without_an_earlier_event_is_called_incomplete(log, lost):
    lines = log.read_text().split("\n")
    log.write_text("\n".join(lines[:lost] + lines[lost + 1 :]))
    with pytest.raises(SparkError, match="log is incomplete"):
        read_tasks(log)


@pytest.mark.slow
def test_the_posts_scala_gives_the_eleven_published_losses(spark):
    from sklearn.datasets import make_classification

    x, y = make_classification(**CLASSES, random_state=123)
    rows = (f"{a!r} {b!r} {label}" for (a, b), label in zip(x.tolist(), y.tolist(), strict=True))
    (spark.folder / "classes.txt").write_text("\n".join(rows))
    spark.scala(
        """
        val examples = sc.textFile(s"$folder/classes.txt", 8).map(parseExample).cache()
        val (beta, losses) = descend(examples, Array(0.1, 0.1, 0.1), 3, 11)
        val right = examples.map(e => if ((probability(e.x, beta) > 0.5) == (e.y == 1)) 1 else 0)
        val (lossesOut, accuracy) = (losses.toArray, right.sum() / right.count())
        """
    )
    published = published_losses()
    assert len(published) == 11
    np.testing.assert_allclose(spark.value("lossesOut"), published, rtol=0, atol=1e-6)
    assert spark.value("accuracy") == 0.9945


@pytest.mark.slow
def test_an_iteration_shuffles_a_pair_a_centre_and_partition(spark):
    from sklearn.datasets import make_blobs

    points, _ = make_blobs(n_samples=10_000, n_features=2, centers=5, random_state=12345)
    (spark.folder / "points.csv").write_text("\n".join(",".join(map(repr, p)) for p in points.tolist()))
    centres = ", ".join(f"Point({x!r}, {y!r})" for x, y in points[:5].tolist())
    printed = spark.scala(
        f"""
        val points = sc.textFile(s"$folder/points.csv", 8).map(parsePoint).cache()
        val centres = Array({centres})
        sc.setJobDescription("reduce")
        val after = step(points, centres).map(p => Array(p.x, p.y))
        sc.setJobDescription("group")
        points.map(p => (closest(p, centres), p)).groupByKey().count()
        sc.setJobDescription(null)
        println(points.getNumPartitions)
        """
    )
    assert printed == "8\n"
    tasks = read_tasks(spark.events())
    records = tasks.groupby("description")["records_out"].sum()
    assert 5 <= records["reduce"] <= 40
    assert records["group"] == len(points)
    nearest = np.linalg.norm(points[:, None] - points[:5], axis=2).argmin(1)
    expected = [points[nearest == k].mean(0) for k in range(5)]
    np.testing.assert_allclose(spark.value("after"), expected, rtol=0, atol=1e-9)


@pytest.mark.slow
def test_a_centre_without_points_stays(spark):
    spark.scala(
        """
        val two = sc.parallelize(Seq(Point(0, 0), Point(2, 0)), 2)
        val kept = step(two, Array(Point(0, 1), Point(50, 50))).map(p => Array(p.x, p.y))
        """
    )
    assert spark.value("kept") == [[1, 0], [50, 50]]


@pytest.mark.slow
def test_wrong_scala_is_said_and_the_state_survives(spark):
    spark.scala("val before = 41")
    with pytest.raises(SparkError, match="type mismatch"):
        spark.scala('val number: Int = "text"')
    with pytest.raises(SparkError, match="incomplete"):
        spark.scala("def f(")
    with pytest.raises(SparkError, match="by zero"):
        spark.scala("sc.parallelize(1 to 10, 2).map(i => 1 / (i - 5)).collect()")
    with pytest.raises(SparkError, match="no value 'nothing'"):
        spark.value("nothing")
    spark.scala("val after = before + 1")
    assert spark.value("after") == 42


@pytest.mark.slow
def test_scala_prints_letters_that_the_machines_own_texts_lack(spark):
    assert spark.scala('println("é →")') == "é →\n"


@pytest.mark.slow
def test_python_and_scala_share_one_context_and_there_is_one_at_a_time(spark):
    assert spark.context.parallelize(range(10), 2).map(lambda i: i * i).sum() == 285
    spark.scala("val id = sc.applicationId")
    assert spark.value("id") == spark.context.applicationId
    with pytest.raises(SparkError, match="already runs"):
        Spark()


SCRIPT = """
import time
from lib.spark import Cluster, Spark
spark = Spark("local[1]", memory="512m")
cluster = Cluster(workers=1, memory="512m")
import psutil
print(*(p.pid for p in psutil.Process().children(recursive=True)), flush=True)
time.sleep(600)
"""


@pytest.mark.slow
def test_no_java_outlives_a_python_that_is_killed(java, tmp_path):
    env = os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}  # a killed Python leaves its folders
    words, errors = [sys.executable, "-c", SCRIPT], tmp_path / "errors"
    with (
        errors.open("w") as file,
        subprocess.Popen(words, stdout=subprocess.PIPE, stderr=file, text=True, env=env) as python,
    ):
        try:
            pids = [int(p) for p in python.stdout.readline().split()]
            names = [psutil.Process(p).name() for p in pids]
        finally:
            python.send_signal(signal.SIGKILL)
    assert names.count("java") == 3, f"not Spark, a master and a worker; {errors.read_text()}"
    assert all(gone(p) for p in pids)


@pytest.mark.slow
def test_a_notebook_that_fails_leaves_no_java_behind(java, tmp_path, monkeypatch):
    from lib.publish.execute import execute

    monkeypatch.setenv("TMPDIR", str(tmp_path))  # a killed kernel leaves its folder
    told = tmp_path / "pid"
    cells = [
        "from pathlib import Path\nfrom lib.spark import Spark\nspark = Spark('local[1]', memory='512m')",
        f"Path({str(told)!r}).write_text(str(spark.process.pid))",
        "raise ValueError('half way')",
    ]
    blank = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    listed = [blank | {"id": f"cell{n}", "source": source} for n, source in enumerate(cells)]
    notebook = {"cells": listed, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    with pytest.raises(PublishError, match="half way"):
        execute(notebook, tmp_path / "fails.ipynb", {}, tmp_path, lambda line: None)
    assert gone(int(told.read_text()))


@pytest.mark.slow
def test_a_program_runs_on_two_workers_and_a_wrong_one_is_said(java, tmp_path):
    with pytest.raises(SparkError, match="error"):
        build_jar("object Job { val x: Int = }", tmp_path / "wrong.jar")
    program = """
    import org.apache.spark.{SparkConf, SparkContext}
    object Job {
      def main(words: Array[String]): Unit = {
        val sc = new SparkContext(new SparkConf().setAppName("Job"))
        println(sc.parallelize(1 to 100, 8).map { i => Thread.sleep(5); i + words(0).toInt }.sum())
        sc.stop()
      }
    }
    """
    with Cluster(workers=2, memory="512m") as cluster:
        jar = build_jar(program, cluster.folder / "job.jar")
        assert cluster.submit(jar, "Job", "1") == "5150.0\n"
        assert read_tasks(cluster.events()[0])["executor"].nunique() == 2
        with pytest.raises(SparkError, match="Failed to load class Nobody"):
            cluster.submit(jar, "Nobody")
    assert not cluster.folder.exists()


@pytest.mark.slow
@pytest.mark.parametrize("taken", [0, 1])
def test_a_port_that_was_taken_meanwhile_is_replaced(java, monkeypatch, taken):
    found = []

    def choose() -> int:  # the master's port, its page's port, then both again
        found.append(listener.getsockname()[1] if len(found) == taken else free_port())
        return found[-1]

    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setattr("lib.spark.cluster.free_port", choose)
        with Cluster(workers=0) as cluster:
            assert cluster.master == f"spark://127.0.0.1:{found[2]}"
            assert len(found) == 4


def test_a_missing_pyspark_is_answered_with_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyspark", None)
    with pytest.raises(SparkError, match="pip install 'pyspark"):
        Spark()
