"""A small cluster of Spark's own kind on this machine, and jobs handed to it as to any other cluster."""

import atexit
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from lib.spark.java import SparkError, clean_environment, find_java, leashed, spark_home

PATIENCE = 120  # seconds that master and workers may take to find each other


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Cluster:
    """A standalone master and its workers, each a JVM of its own, on the loopback address.

    They end with the `with` block, and with this process however that ends. A killed process leaves the folder.

    Parameters
    ----------
    workers : how many. cores, memory : what each offers to jobs.

    Attributes
    ----------
    master : the address for `spark-submit --master`.
    cores : of all workers together.
    folder : a temporary folder for logs, event logs and what jobs leave; removed at the end.

    Raises
    ------
    SparkError
        Java is missing, or the workers don't register with the master in time.
    """

    def __init__(self, workers: int = 2, cores: int = 1, memory: str = "1g") -> None:
        find_java()
        self.cores = workers * cores
        self.folder = Path(tempfile.mkdtemp(prefix="spark_cluster_"))
        atexit.register(self.stop)
        (self.folder / "events").mkdir()
        self._processes: list[subprocess.Popen] = []
        place = ["--host", "127.0.0.1"]
        try:
            self._start_master(place)
            offer = ["--cores", str(cores), "--memory", memory, "--webui-port", "0"]
            for number in range(workers):
                self._start(f"worker_{number}", ["worker.Worker", *place, *offer, self.master])
            self._wait(workers)
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start_master(self, place: list[str]) -> None:
        """A master that answers; tried again, because another program may take a port just after it was found free."""
        for last in (False, True):
            port, self._page = free_port(), free_port()
            self.master = f"spark://127.0.0.1:{port}"
            self._start("master", ["master.Master", *place, "--port", str(port), "--webui-port", str(self._page)])
            try:
                return self._wait(0)
            except SparkError:
                if last or self._processes[0].poll() is None:
                    raise
                self._end_processes()

    def _start(self, name: str, words: list[str]) -> None:
        command = [str(spark_home() / "bin" / "spark-class"), f"org.apache.spark.deploy.{words[0]}", *words[1:]]
        env = clean_environment(self.folder) | {"SPARK_DAEMON_MEMORY": "256m"}
        env["SPARK_DAEMON_JAVA_OPTS"] = "-Dspark.port.maxRetries=0"  # not on a port that nobody was told of
        with (self.folder / f"{name}.log").open("w") as log:
            self._processes.append(leashed(command, env=env, stdout=log, stderr=log))

    def _alive(self) -> int | None:
        """How many workers the master counts; None while it does not answer."""
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(f"http://127.0.0.1:{self._page}/json", timeout=5) as answer:
                return json.load(answer)["aliveworkers"]
        except (OSError, ValueError):
            return None

    def _wait(self, workers: int) -> None:
        until = time.monotonic() + PATIENCE
        while (alive := self._alive()) is None or alive < workers:
            ended = any(p.poll() is not None for p in self._processes)
            if ended or time.monotonic() > until:
                said = "\n".join(p.read_text()[-600:] for p in sorted(self.folder.glob("*.log")))
                raise SparkError(f"the cluster did not come up ({alive} of {workers} workers):\n{said}")
            time.sleep(0.2)

    def submit(self, jar: Path, main: str, *arguments: str, settings: Mapping[str, str] | None = None) -> str:
        """Run the class `main` of a jar with `spark-submit`; returns what it printed.

        Raises
        ------
        SparkError
            The job failed; with the end of what it said.
        """
        own = {
            "spark.driver.host": "127.0.0.1",
            "spark.driver.memory": "512m",
            "spark.executor.memory": "512m",
            "spark.cores.max": str(self.cores),
            "spark.scheduler.minRegisteredResourcesRatio": "1.0",  # wait for all workers' executors
            "spark.ui.enabled": "false",
            "spark.eventLog.enabled": "true",
            "spark.eventLog.compress": "false",
            "spark.eventLog.rolling.enabled": "false",
            "spark.eventLog.dir": (self.folder / "events").as_uri(),
        }
        chosen = [w for pair in (own | dict(settings or {})).items() for w in ("--conf", "=".join(pair))]
        command = [str(spark_home() / "bin" / "spark-submit"), "--master", self.master, *chosen]
        command += ["--class", main, str(jar), *arguments]
        log = self.folder / "submit.log"
        with log.open("w") as file:
            job = leashed(command, env=clean_environment(self.folder), stdout=subprocess.PIPE, stderr=file, text=True)
            try:
                with job.stdout:
                    said = job.stdout.read()
                failed = job.wait()
            finally:  # an interrupted job ends too
                job.stdin.close()
                job.wait()
        if failed:
            raise SparkError(f"spark-submit failed ({failed}):\n{said[-500:]}{log.read_text()[-2000:]}")
        return said

    def events(self) -> list[Path]:
        """The event logs of the jobs so far."""
        return sorted((self.folder / "events").iterdir())

    def stop(self) -> None:
        """End workers and master and remove the folder; a second call does nothing."""
        self._end_processes()
        shutil.rmtree(self.folder, ignore_errors=True)
        atexit.unregister(self.stop)

    def _end_processes(self) -> None:
        for process in reversed(self._processes):
            process.stdin.close()
        for process in self._processes:
            process.wait()
        self._processes.clear()


def build_jar(source: str, jar: Path) -> Path:
    """Compile Scala, with the compiler that Spark brings along, into a jar for `spark-submit`.

    Raises
    ------
    SparkError
        It does not compile; with the compiler's words.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "Job.scala"
        file.write_text(source, encoding="utf-8")
        jars = os.path.join(spark_home(), "jars", "*")
        words = ["scala.tools.nsc.Main", "-usejavacp", "-d", str(jar), str(file)]
        done = subprocess.run([find_java(), "-cp", jars, *words], capture_output=True, text=True)
    if done.returncode:
        raise SparkError(f"Scala: {(done.stdout + done.stderr)[-2000:]}")
    return jar
