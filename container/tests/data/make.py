#!/usr/bin/env python3
"""Writes the files of this folder: the same made-up rows as LibSVM, CSV and Parquet, by pyarrow and by Spark.

    python3 make.py pyarrow [FOLDER]     needs: pip install pyarrow
    python3 make.py spark [FOLDER]       needs: pip install pyspark, and Java

FOLDER is where they go; by default beside this script. The numbers are the same on every machine, the bytes of the files are not:
the writers note their version.
"""

import gzip
import pathlib
import shutil
import sys

ROWS, NAMES = 60, ["a", "b", "c", "d"]


def rows():
    """Label -1 or 1, four numbers with at most four decimals; every third number of `c` and all but a few of `d` are 0."""
    seed = 7
    for row in range(ROWS):
        numbers = []
        for column in range(4):
            seed = (seed * 1103515245 + 12345) % 2**31
            numbers.append((seed // 65536 % 20001 - 10000) / (1, 10, 100, 10000)[column])
        if row % 3 == 0:
            numbers[2] = 0.0
        if row % 5 != 0:
            numbers[3] = 0.0
        yield (1 if numbers[1] > 0 else -1), [float(int(numbers[0]) % 50)] + numbers[1:]


def text(folder):
    with open(folder / "rows.libsvm", "w") as libsvm, open(folder / "rows.csv", "w") as csv:
        csv.write("label," + ",".join(NAMES) + "\n")
        for label, numbers in rows():
            pairs = (f" {column}:{number}" for column, number in enumerate(numbers, 1) if number != 0)
            libsvm.write(f"{label}" + "".join(pairs) + "\n")
            csv.write(f"{label}," + ",".join(map(str, numbers)) + "\n")


def by_pyarrow(folder):
    import decimal

    import pyarrow as pa
    import pyarrow.parquet as pq

    text(folder)
    labels = [label for label, _ in rows()]
    columns = list(zip(*(numbers for _, numbers in rows())))
    table = pa.table({"label": labels} | dict(zip(NAMES, columns)))

    def write(name, table=table, **options):
        pq.write_table(table, folder / name, **options)

    # Every codec and both versions of pages, with dictionaries and without, several row groups.
    plain = {"use_dictionary": False, "write_statistics": False}
    write("plain.parquet", compression="none", row_group_size=25, **plain)
    write("snappy.parquet", compression="snappy", row_group_size=7)
    write("gzip.parquet", compression="gzip", data_page_version="2.0")
    write("zstd.parquet", compression="zstd", data_page_version="2.0", data_page_size=64, **plain)
    write("brotli.parquet", compression="brotli")
    write("lz4.parquet", compression="lz4", data_page_size=64)
    write("split.parquet", compression="none", column_encoding={n: "BYTE_STREAM_SPLIT" for n in NAMES}, **plain)
    # A row group without rows in the middle, as writers of empty tables leave one.
    with pq.ParquetWriter(folder / "hollow.parquet", table.schema, compression="snappy") as writer:
        for part in [table.slice(0, 10), table.slice(0, 0), table.slice(10)]:
            writer.write_table(part)
    # Other types of numbers, which hold the same ones; the label comes last, behind text.
    cents = [decimal.Decimal(str(number)).quantize(decimal.Decimal("0.0001")) for number in columns[3]]
    types = pa.table({
        "d": pa.array(cents, pa.decimal128(20, 4)),
        "a": pa.array(map(int, columns[0]), pa.uint8()),
        "b": pa.array(columns[1], pa.float64()),
        "c": pa.array([decimal.Decimal(str(n)).quantize(decimal.Decimal("0.01")) for n in columns[2]], pa.decimal128(9, 2)),
        "name": [f"row {row}" for row in range(ROWS)],
        "label": pa.array([label > 0 for label in labels]),
    })
    write("types.parquet", types, store_decimal_as_integer=True)
    halves = pa.table({"label": pa.array(labels, pa.int8()), "h": pa.array([n % 8 for n in columns[0]], pa.float16())})
    write("half.parquet", halves)
    # A null in `b` of row 4 (from 1), NaN in `c` of row 6.
    holes = [list(column) for column in columns]
    holes[1][3], holes[2][5] = None, float("nan")
    write("nulls.parquet", pa.table({"label": labels} | dict(zip(NAMES, holes))))
    # Vectors.
    lists = [list(numbers) for _, numbers in rows()]
    write("lists.parquet", pa.table({"label": labels, "features": pa.array(lists, pa.list_(pa.float32()))}), row_group_size=13)
    kept = [[(at, number) for at, number in enumerate(numbers) if number != 0] for numbers in lists]
    write("sparse.parquet", pa.table({
        "label": labels,
        "indices": pa.array([[at for at, _ in row] for row in kept], pa.list_(pa.int32())),
        "values": pa.array([[number for _, number in row] for row in kept], pa.list_(pa.float64())),
    }), row_group_size=13)
    # Ten thousand rows in a page of few bytes.
    write("long.parquet", pa.table({"label": [1] * 100_000, "a": [0.5] * 100_000}))
    shutil.rmtree(folder / "hive", ignore_errors=True)
    years = table.append_column("year", pa.array([2020 + row // 40 for row in range(ROWS)]))
    pq.write_to_dataset(years, folder / "hive", partition_cols=["year"], basename_template="part-{i}.parquet")
    with gzip.GzipFile(folder / "rows.csv.gz", "wb", mtime=0) as packed:
        packed.write((folder / "rows.csv").read_bytes())


def by_spark(folder):
    from pyspark.ml.linalg import DenseVector, SparseVector, VectorUDT
    from pyspark.sql import SparkSession
    from pyspark.sql.types import DoubleType, IntegerType, StructField, StructType

    spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    numbers = StructType([StructField("label", IntegerType())] + [StructField(name, DoubleType()) for name in NAMES])
    frame = spark.createDataFrame([(label, *numbers) for label, numbers in rows()], numbers).repartition(1)
    frame = spark.createDataFrame([(label, *numbers) for label, numbers in rows()], numbers).coalesce(1)
    frame.write.mode("overwrite").parquet(str(folder / "spark"))
    frame.write.mode("overwrite").partitionBy("label").parquet(str(folder / "spark-hive"))
    frame.write.mode("overwrite").option("header", True).option("compression", "gzip").csv(str(folder / "spark-csv"))
    vectors = StructType([StructField("label", IntegerType()), StructField("features", VectorUDT())])

    def vector(row, numbers):
        if row % 2:
            return DenseVector(numbers)
        kept = [(at, number) for at, number in enumerate(numbers) if number != 0]
        return SparseVector(4, kept)

    packed = [(label, vector(row, numbers)) for row, (label, numbers) in enumerate(rows())]
    spark.createDataFrame(packed, vectors).coalesce(1).write.mode("overwrite").parquet(str(folder / "spark-vectors"))
    spark.stop()


if __name__ == "__main__":
    writer = {"pyarrow": by_pyarrow, "spark": by_spark}.get(sys.argv[1] if len(sys.argv) > 1 else "")
    if writer is None:
        sys.exit(__doc__)
    target = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else pathlib.Path(__file__).parent)
    target.mkdir(exist_ok=True)
    writer(target)
