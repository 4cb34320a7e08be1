"""One Spark for a notebook: a JVM of its own, a Scala interpreter and PySpark on the same context."""

import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from lib.spark.java import SparkError, clean_environment, find_java, spark_home

LOGGING = """rootLogger.level = off
rootLogger.appenderRef.none.ref = none
appender.none.type = Null
appender.none.name = none
"""

# Spark's Python workers import pyspark from archives, and Python 3.10 and 3.11 read the list of an archive's files
# anew before every task (https://github.com/python/cpython/issues/103200). The installed package is the same.
DAEMON = """import sys
archives = [e for e in sys.path if "pyspark" in e and e.endswith((".zip", ".jar"))]
sys.path[:] = [e for e in sys.path if e not in archives]
for entry in archives:
    sys.path_importer_cache.pop(entry, None)
from pyspark.daemon import manager
manager()
"""


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """`os.environ` as `values` for a while: PySpark hands it on to the JVM and reads it itself."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


class Spark:
    """A Spark that belongs to this process.

    Its files (event log, shuffles, classes of the Scala cells) lie in a temporary folder. `stop` ends the JVM and
    removes them; so does the end of Python. A killed Python takes the JVM with it, because the JVM watches its standard
    input, but leaves the folder.

    Parameters
    ----------
    master : `local[2]` for two threads in this JVM, `local[*]` for one a core.
    memory : heap of the JVM, as Java writes it (`2g`).
    settings : more of Spark's settings, by name.

    Attributes
    ----------
    context : the `pyspark.SparkContext`; the Scala cells know the same one as `sc`.
    folder : the temporary folder; Scala knows its path as `folder`.
    sources : name → text of each Scala cell that was given a name.

    Raises
    ------
    SparkError
        Spark or Java is missing or too old (the message says how to get it), Spark already runs in this process, or
        it does not start.
    """

    def __init__(self, master: str = "local[*]", memory: str = "2g", settings: Mapping[str, str] | None = None) -> None:
        spark_home()
        from pyspark import SparkConf, SparkContext
        from pyspark.java_gateway import launch_gateway

        if SparkContext._active_spark_context is not None:
            raise SparkError("a Spark already runs in this process: stop it first")
        find_java()
        self.folder = Path(tempfile.mkdtemp(prefix="spark_"))
        self.sources: dict[str, str] = {}
        self.context = self._gateway = self._interpreter = None
        atexit.register(self.stop)
        for name in ("events", "classes", "tmp"):
            (self.folder / name).mkdir()
        logging = self.folder / "log4j2.properties"
        logging.write_text(LOGGING)
        (self.folder / "python").mkdir()
        (self.folder / "python" / "quick_daemon.py").write_text(DAEMON)
        conf = SparkConf(loadDefaults=False).setMaster(master).setAppName("notebook")
        own = {
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.memory": memory,
            "spark.driver.extraJavaOptions": f"-Djava.io.tmpdir={self.folder / 'tmp'} -Dfile.encoding=UTF-8 "
            f"-Dlog4j2.configurationFile={logging.as_uri()}",
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
            "spark.python.daemon.module": "quick_daemon",
            "spark.local.dir": str(self.folder / "tmp"),
            "spark.sql.warehouse.dir": str(self.folder / "warehouse"),
            "spark.repl.class.outputDir": str(self.folder / "classes"),
            "spark.eventLog.enabled": "true",
            "spark.eventLog.compress": "false",
            "spark.eventLog.rolling.enabled": "false",
            "spark.eventLog.dir": (self.folder / "events").as_uri(),
        }
        conf.setAll([*(own | dict(settings or {})).items()])
        log = self.folder / "jvm.log"
        try:
            # Without PYTHONHASHSEED, Python workers would disagree about the hash of a text.
            python = {"PYSPARK_PYTHON": sys.executable, "PYTHONHASHSEED": os.environ.get("PYTHONHASHSEED", "0")}
            paths = [str(self.folder / "python"), os.environ.get("PYTHONPATH")]
            python["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
            with environment(clean_environment(self.folder) | python), log.open("w") as file:
                self._gateway = launch_gateway(conf, {"stdout": file, "stderr": file})
                self._start_interpreter()
                self.context = SparkContext(conf=conf, gateway=self._gateway)
            self._hand_to_scala()
        except BaseException as error:
            said = log.read_text() if log.is_file() else ""
            self.stop()
            if not isinstance(error, Exception):  # Ctrl-C
                raise
            raise SparkError(f"Spark did not start: {error}\n{said[-2000:]}") from error

    def __enter__(self) -> "Spark":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start_interpreter(self) -> None:
        """Scala's own interpreter inside the JVM, with its classes where Spark's executors fetch them."""
        jvm = self._gateway.jvm
        settings = jvm.scala.tools.nsc.Settings()
        classes = str(self.folder / "classes")
        # Class-based wrappers are what Spark's own shell uses: closures then carry the values of earlier cells.
        settings.processArguments(self._scala_list("-Yrepl-class-based", "-Yrepl-outdir", classes, "-usejavacp"), True)
        self._answers = jvm.java.io.StringWriter()
        self._printed = jvm.java.io.ByteArrayOutputStream()
        writer = jvm.java.io.PrintWriter(self._answers)
        reporter = jvm.scala.tools.nsc.interpreter.shell.ReplReporterImpl(settings, writer)
        self._interpreter = jvm.scala.tools.nsc.interpreter.IMain(settings, reporter)
        self._interpreter.initializeCompiler()
        console = getattr(getattr(jvm.scala, "Console$"), "MODULE$")
        console.setOutDirect(jvm.java.io.PrintStream(self._printed, True))
        # What the context's threads inherit: results then come back in the classes that the cells defined.
        jvm.java.lang.Thread.currentThread().setContextClassLoader(self._interpreter.classLoader())

    def _scala_list(self, *words: str) -> object:
        words_in_java = self._gateway.jvm.java.util.ArrayList()
        for word in words:
            words_in_java.add(word)
        return self._gateway.jvm.scala.jdk.javaapi.CollectionConverters.asScala(words_in_java).toList()

    def _hand_to_scala(self) -> None:
        """Let the Scala cells know the context and the folder."""
        transient, none = self._scala_list("@transient"), self._scala_list()
        self._interpreter.bind("sc", "org.apache.spark.SparkContext", self.context._jsc.sc(), transient)
        self._interpreter.bind("folder", "String", str(self.folder), none)

    def _must_run(self) -> None:
        """What asks the JVM for something calls this first; SparkError where there is none any more."""
        if self._gateway is None:
            raise SparkError("this Spark was stopped: start another")

    def scala(self, code: str, name: str | None = None) -> str:
        """Run Scala in the state that earlier calls left; returns what it printed.

        Parameters
        ----------
        code : definitions and statements; `sc` is the context, `folder` the path of the temporary folder.
        name : keep the text under this name in `sources`.

        Raises
        ------
        SparkError
            It does not compile or failed, with Scala's message.
        """
        self._must_run()
        self._printed.reset()
        self._answers.getBuffer().setLength(0)
        outcome = str(self._interpreter.interpret(code, False))
        if outcome != "Success":
            said = self._answers.toString().strip() or "the code is incomplete"
            raise SparkError(f"Scala: {said[:3000]}")
        if name:
            self.sources[name] = code
        return self._printed.toString()

    def value(self, name: str) -> object:
        """A value of the Scala cells: a number, a text, or a (nested) array of these as a list."""
        self._must_run()
        found = self._interpreter.valueOfTerm(name)
        if not found.isDefined():
            raise SparkError(f"the Scala cells have no value {name!r}")
        return _plain(found.get())

    def events(self) -> Path:
        """The event log so far, complete up to the last job."""
        self._must_run()
        self.context._jsc.sc().listenerBus().waitUntilEmpty(120_000)  # ms
        (file,) = (self.folder / "events").iterdir()
        return file

    @property
    def process(self) -> "subprocess.Popen":  # noqa: F821
        """The process of the JVM."""
        self._must_run()
        return self._gateway.proc

    def stop(self) -> None:
        """End Spark and its JVM and remove its files; a second call does nothing."""
        from pyspark import SparkContext

        context, gateway = self.context, self._gateway
        self.context = self._gateway = self._interpreter = None
        if context is not None:
            try:
                context.stop()
            except Exception:  # the JVM is gone already
                SparkContext._active_spark_context = None
        if gateway is not None:
            SparkContext._gateway = SparkContext._jvm = None
            gateway.shutdown()
            gateway.proc.stdin.close()
            gateway.proc.kill()
            gateway.proc.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
        atexit.unregister(self.stop)

    def cell(self, code: str, name: str | None = None) -> None:
        """`scala` for a notebook: prints what the code printed; on a published page the code itself comes before it.

        The page hides the Python cell (`#| echo: false`) and so shows Scala as Scala, in its own colours.
        """
        from IPython.display import Markdown, display

        code = code.strip("\n")
        printed = self.scala(code, name)
        if os.environ.get("NOTES_RESULTS"):
            display(Markdown(f"```scala\n{code}\n```"))
        if printed:
            print(printed, end="")


def _plain(value: object) -> object:
    """Arrays of Java as lists."""
    return [_plain(v) for v in value] if isinstance(value, Sequence) and not isinstance(value, str) else value
