"""Spark MLlib's own logistic regression on cached data. Prints one JSON object.

Each evaluation of objective and gradient is one Spark job (treeAggregate in RDDLossFunction); when it began and ended is taken
from Spark's event log.
"""

import glob
import json
import sys
import time

from pyspark.ml.classification import LogisticRegression
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

told = json.loads(sys.argv[1])
builder = SparkSession.builder.master(told["master"]).appName("lapwing-compare")
for key, value in told["settings"].items():
    builder = builder.config(key, value)
spark = builder.getOrCreate()
spark.sparkContext.setLogLevel("ERROR")
started = time.time()
rows = spark.read.format("libsvm").option("numFeatures", told["columns"]).load(told["input"])
rows = rows.withColumn("label", (F.col("label") > 0).cast("double")).cache()
count = rows.count()
cached = time.time()
model = LogisticRegression(
    maxIter=told["iterations"], regParam=told["l2"], elasticNetParam=0.0, standardization=False,
    fitIntercept=True, tol=0.0,
).fit(rows)
fitted = time.time()
partitions = rows.rdd.getNumPartitions()
objectives = list(model.summary.objectiveHistory)
version = spark.version
spark.stop()

jobs = {}
for path in glob.glob(told["events"] + "/*"):
    with open(path) as lines:
        for line in lines:
            event = json.loads(line)
            if event["Event"] == "SparkListenerJobStart":
                if any("RDDLossFunction" in stage["Stage Name"] for stage in event["Stage Infos"]):
                    jobs[event["Job ID"]] = [event["Submission Time"] / 1000, None]
            elif event["Event"] == "SparkListenerJobEnd" and event["Job ID"] in jobs:
                jobs[event["Job ID"]][1] = event["Completion Time"] / 1000
evaluations = [times for _, times in sorted(jobs.items()) if times[1] is not None]
print(json.dumps({
    "started": started, "cached": cached, "fitted": fitted, "rows": count, "partitions": partitions,
    "objectives": objectives, "evaluations": evaluations, "version": version,
}))
