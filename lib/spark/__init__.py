"""A local Spark that a notebook starts, speaks Scala and Python to, reads the event log of, and stops for certain."""

from lib.spark.cluster import Cluster, build_jar
from lib.spark.events import read_tasks
from lib.spark.java import SparkError, find_java
from lib.spark.session import Spark

__all__ = ["Cluster", "Spark", "SparkError", "build_jar", "find_java", "read_tasks"]
