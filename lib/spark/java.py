"""Java and Spark as they are installed on this machine, and processes that can't outlive the one that started them."""

import os
import re
import shutil
import subprocess
from pathlib import Path

# Spark 4.0 is tested on Java 17 and 21. The Hadoop it brings along still starts on 22, but no longer on 23
# (https://github.com/apache/hadoop/pull/7434).
OLDEST, NEWEST = 17, 22
ASKED = "Spark needs Java 17 or 21"
REMEDY = (
    "sudo apt install openjdk-17-jre-headless or openjdk-21-jre-headless (Debian, Ubuntu), "
    "brew install openjdk@17 (macOS); on Colab Java is there"
)
# A shell that ends its child when its own standard input closes, which happens however the parent ends. It ignores
# Ctrl-C, as PySpark's JVM does: interrupting a cell must not take the cluster away.
LEASH = """
trap '' INT
exec 3<&0
"$@" </dev/null 3<&- &
child=$!
trap 'kill $child' TERM
{ cat; kill $child; sleep 10; kill -9 $child; } <&3 >/dev/null 2>&1 &
keeper=$!
wait $child
code=$?
kill $keeper
exit $code
"""


class SparkError(RuntimeError):
    """Spark can't be started, or what it was asked to do failed."""


def find_java() -> str:
    """The `java` that Spark will run: that of JAVA_HOME, otherwise the one on the PATH.

    Raises
    ------
    SparkError
        There is none, it does not run, or it is older than 17 or newer than 22; the message says in one line
        how to get one.
    """
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if java is None or not shutil.which(java):
        where = f"JAVA_HOME is {home}, which holds no bin/java" if home else "there is no java on the PATH"
        raise SparkError(f"{ASKED}, and {where}: {REMEDY}")
    said = subprocess.run([java, "-version"], capture_output=True, text=True)
    found = re.search(r'version "(?:1\.)?(\d+)', said.stderr + said.stdout)
    if said.returncode or not found:
        raise SparkError(f"{java} does not run as Java does; {ASKED}: {REMEDY}")
    if not OLDEST <= int(found[1]) <= NEWEST:
        raise SparkError(f"{java} is Java {found[1]}; {ASKED} (JAVA_HOME chooses among several): {REMEDY}")
    return java


def spark_home() -> Path:
    """Where the package pyspark keeps Spark: its `bin` and `jars`.

    Raises
    ------
    SparkError
        The package is not installed; the message says how to get it.
    """
    try:
        import pyspark
    except ImportError:
        raise SparkError("Spark is not installed: pip install 'pyspark>=4.0.4,<4.1'") from None
    return Path(pyspark.__file__).parent


def clean_environment(folder: Path) -> dict[str, str]:
    """This process's environment, with Spark kept to the loopback address and away from settings of another Spark."""
    ours = {k: v for k, v in os.environ.items() if not k.startswith(("SPARK_", "PYSPARK_"))}
    return ours | {
        "SPARK_HOME": str(spark_home()),
        "SPARK_CONF_DIR": str(folder),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_DIRS": str(folder),
        "SPARK_LOG_DIR": str(folder),
        "SPARK_WORKER_DIR": str(folder / "work"),
    }


def leashed(command: list[str], **options: object) -> subprocess.Popen:
    """Start a program that ends when this process does, even by `kill -9`: its keeper reads our end of a pipe.

    Options are those of `subprocess.Popen`; closing `stdin` of what is returned ends the program.
    """
    return subprocess.Popen(["sh", "-c", LEASH, "leash", *command], stdin=subprocess.PIPE, **options)
