"""Makes columnar/*.parquet and *.arrow, and columnar.json: what their rows are, or how the error begins.

Run in an environment of requirements.txt:  python tests/golden/make_columnar_golden.py
The files are pyarrow's: every encoding, compression, page version and nesting the readers of src/format/columnar know, and
some of those they refuse. Rows are pyarrow's own reading of the same table, as records have them: dates and times are the
numbers stored, bytes a {"bytes": [...], "subtype": null}, maps lists of {"key", "value"}.
"""

import datetime
import decimal
import json
import pathlib

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
from reference import stamp

HERE = pathlib.Path(__file__).parent
FOLDER = HERE / "columnar"

TURN = pa.struct([("from", pa.string()), ("value", pa.string())])
NUMBERS = [0, -1, 1, 127, -128, None, 2**31 - 1, -(2**31), 5, 5, 5, None, 40, 41, 42]


def text(i):
    return None if i % 7 == 3 else "" if i % 7 == 5 else f"record {i:03d} " + "of the clock tower, \u94df\u697c " * (i % 3)


def texts(count):
    return pa.table({
        "id": pa.array(range(count), pa.int64()),
        "instruction": pa.array([text(i) for i in range(count)]),
        "topic": pa.array([["sea", "sky", None][i % 3] for i in range(count)]),
    })


def conversations(count):
    def turns(i):
        if i % 5 == 4:
            return None if i % 2 else []
        return [{"from": "human", "value": f"question {i}"}, {"from": "gpt", "value": f"answer {i}"}, None][: 1 + i % 3]
    return pa.table({"conversations": pa.array([turns(i) for i in range(count)], pa.list_(TURN)),
                     "system": pa.array([None if i % 2 else "be brief" for i in range(count)])})


def chat():
    return pa.table({"conversations": pa.array(
        [[{"from": "human", "value": f"question {i}"}, {"from": "gpt", "value": f"answer {i}"}] for i in (1, 2)],
        pa.list_(TURN))})


def nested():
    deep = pa.list_(pa.list_(pa.int32()))
    inner = pa.struct([("tags", pa.list_(pa.string())), ("more", pa.struct([("n", pa.int64()), ("ok", pa.bool_())]))])
    return pa.table({
        "lists": pa.array([[[1, 2], [], None, [3]], [], None, [[None]], [[4], [5, None, 6]], [None, []]], deep),
        "inner": pa.array([None, {"tags": None, "more": None}, {"tags": ["a", None], "more": {"n": 1, "ok": None}},
                           {"tags": [], "more": {"n": None, "ok": True}}, {"tags": ["b"], "more": None}, None], inner),
        "map": pa.array([[("k", 1), ("l", None)], [], None, [("m", 2)], None, [("n", 3)]], pa.map_(pa.string(), pa.int32())),
        "structs": pa.array([[{"tags": ["x", "y"], "more": {"n": 1, "ok": False}}, None], None, [], [{"tags": None, "more": None}],
                             [{"tags": [], "more": {"n": 2, "ok": True}}] * 3, [None]], pa.list_(inner)),
    })


def kinds():
    day = datetime.date(2024, 2, 29)
    moment = datetime.datetime(2024, 2, 29, 12, 30, 15, 250000)
    columns = {
        "bool": pa.array([True, False, None, True], pa.bool_()),
        "float": pa.array([0.5, -1.25, None, 2.0**100], pa.float32()),
        "double": pa.array([0.1, -1e300, None, 0.0], pa.float64()),
        "string": pa.array(["a", "\U0001f642", None, ""], pa.string()),
        "large_string": pa.array(["a", "\u00e9", None, ""], pa.large_string()),
        "binary": pa.array([b"\x00\xff", b"", None, b"a"], pa.binary()),
        "fixed": pa.array([b"abc", b"\x00\x01\x02", None, b"xyz"], pa.binary(3)),
        "date": pa.array([day, None, datetime.date(1969, 12, 31), day], pa.date32()),
        "moment": pa.array([moment, None, moment, moment], pa.timestamp("us")),
        "category": pa.array(["x", "y", None, "x"]).dictionary_encode(),
        "nothing": pa.nulls(4),
        "required": pa.array([1, 2, 3, 4], pa.int32()),
    }
    for name, low, high in (("int8", -(2**7), 2**7 - 1), ("int16", -(2**15), 2**15 - 1), ("int32", -(2**31), 2**31 - 1),
                            ("int64", -(2**63), 2**63 - 1), ("uint8", 0, 2**8 - 1), ("uint16", 0, 2**16 - 1),
                            ("uint32", 0, 2**32 - 1), ("uint64", 0, 2**64 - 1)):
        columns[name] = pa.array([low, high, None, 7], getattr(pa, name)())
    table = pa.table(columns)
    schema = [f.with_nullable(False) if f.name == "required" else f for f in table.schema]
    return table.cast(pa.schema(schema))


def decimals():
    return pa.table({"price": pa.array([decimal.Decimal("12.50"), None, decimal.Decimal("-0.25")], pa.decimal128(8, 2))})


def integers():
    return pa.table({"n": pa.array(NUMBERS * 20, pa.int32()),
                     "wide": pa.array([None if n is None else n * 2**31 + i for i, n in enumerate(NUMBERS * 20)], pa.int64())})


def words():
    stems = ["tower", "towers", "towering", "town", "", None, "clock", "clockwork", "\u94df\u697c", "\u94df\u8868"]
    return pa.table({"s": pa.array((stems * 15)[:140]), "b": pa.array([f"{i:05d}".encode() for i in range(140)], pa.binary(5))})


def flags():
    return pa.table({"ok": pa.array([None if i % 11 == 0 else i % 3 == 0 or i > 60 for i in range(100)])})


# ---- what a row is as a record

def as_record(kind, value):
    if value is None:
        return None
    if pa.types.is_dictionary(kind):
        return as_record(kind.value_type, value)
    if pa.types.is_map(kind):
        return [{"key": as_record(kind.key_type, k), "value": as_record(kind.item_type, v)} for k, v in value]
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return [as_record(kind.value_type, v) for v in value]
    if pa.types.is_struct(kind):
        return {kind.field(i).name: as_record(kind.field(i).type, value[kind.field(i).name]) for i in range(kind.num_fields)}
    if isinstance(value, bytes):
        return {"bytes": list(value), "subtype": None}
    if isinstance(value, decimal.Decimal):
        return float(value)
    return value


def numbered(column):
    """Dates and times as the integers they are stored as."""
    kind = column.type
    if pa.types.is_date32(kind) or pa.types.is_time32(kind):
        return column.cast(pa.int32())
    if pa.types.is_date64(kind):
        return column.cast(pa.int64())
    if pa.types.is_timestamp(kind) or pa.types.is_duration(kind) or pa.types.is_time64(kind):
        return column.cast(pa.int64())
    return column


def records(table):
    columns = [numbered(c) for c in table.columns]
    return [{name: as_record(c.type, c[i].as_py()) for name, c in zip(table.column_names, columns, strict=True)}
            for i in range(table.num_rows)]


# ---- the files

def write_parquet(name, table, **options):
    options = {"store_schema": False, "write_statistics": False, "compression": "NONE", "use_dictionary": False} | options
    pq.write_table(table, FOLDER / name, **options)
    return {"records": records(pq.read_table(FOLDER / name))}


def refuse_parquet(name, start, table, **options):
    write_parquet(name, table, **options)
    return {"error": start}


def parquet_files():
    files = {}

    def add(name, table, **options):
        files[name] = write_parquet(name, table, **options)

    add("plain.parquet", kinds())
    add("plain_v2.parquet", kinds(), data_page_version="2.0")
    add("statistics.parquet", kinds(), write_statistics=True, store_schema=True, use_dictionary=True, write_page_index=True)
    add("decimal.parquet", decimals(), store_decimal_as_integer=True)
    write_parquet("old_times.parquet", pa.table({"at": kinds()["moment"]}), use_deprecated_int96_timestamps=True)
    nanoseconds, julian_day = (12 * 3600 + 30 * 60 + 15) * 10**9 + 250 * 10**6, 2440588 + 19782
    at = as_record(pa.binary(), nanoseconds.to_bytes(8, "little") + julian_day.to_bytes(4, "little"))
    files["old_times.parquet"] = {"records": [{"at": at}, {"at": None}, {"at": at}, {"at": at}]}
    for codec in ("snappy", "gzip", "zstd"):
        add(f"{codec}.parquet", texts(60), compression=codec, use_dictionary=True)
        add(f"{codec}_v2.parquet", texts(60), compression=codec, data_page_version="2.0")
    add("row_groups.parquet", texts(50), row_group_size=20, use_dictionary=True, compression="snappy",
        write_page_checksum=True)
    # Pages of a few values; the dictionary of "instruction" is given up half way.
    add("small_pages.parquet", texts(60), data_page_size=64, write_batch_size=4, use_dictionary=True, dictionary_pagesize_limit=400)
    add("small.parquet", texts(5).select(["id", "topic"]))
    add("empty.parquet", texts(0))
    add("sharegpt.parquet", conversations(40), row_group_size=25, compression="snappy", use_dictionary=True)
    add("sharegpt_v2.parquet", conversations(40), data_page_version="2.0", data_page_size=64, write_batch_size=3)
    add("chat.parquet", chat(), compression="snappy")
    add("two_levels.parquet", conversations(10), use_compliant_nested_type=False)
    add("nested.parquet", nested(), use_dictionary=True)
    add("nested_v2.parquet", nested(), data_page_version="2.0", compression="zstd")
    for version in ("1.0", "2.0"):
        mark = version[0]
        add(f"delta_integers_{mark}.parquet", integers(), data_page_version=version,
            column_encoding={"n": "DELTA_BINARY_PACKED", "wide": "DELTA_BINARY_PACKED"})
        add(f"delta_lengths_{mark}.parquet", words().select(["s"]), data_page_version=version,
            column_encoding={"s": "DELTA_LENGTH_BYTE_ARRAY"})
        add(f"delta_strings_{mark}.parquet", words(), data_page_version=version,
            column_encoding={"s": "DELTA_BYTE_ARRAY", "b": "DELTA_BYTE_ARRAY"})
        add(f"flags_{mark}.parquet", flags(), data_page_version=version)
    add("run_flags.parquet", flags(), data_page_version="2.0", column_encoding={"ok": "RLE"})
    files["brotli.parquet"] = refuse_parquet(
        "brotli.parquet", ": row group 1, column id: pages are compressed with BROTLI, which is not read here",
        texts(3), compression="brotli")
    files["lz4.parquet"] = refuse_parquet(
        "lz4.parquet", ": row group 1, column id: pages are compressed with LZ4_RAW, which is not read here",
        texts(3), compression="lz4")
    files["split.parquet"] = refuse_parquet(
        "split.parquet", ": row group 1, column f: values are encoded as BYTE_STREAM_SPLIT, which is not read here",
        pa.table({"f": pa.array([1.5, 2.5])}), column_encoding={"f": "BYTE_STREAM_SPLIT"})
    return files


def write_arrow(name, table, batch_rows=1000, stream=True, **options):
    make = pa.ipc.new_stream if stream else pa.ipc.new_file
    with make(str(FOLDER / name), table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, max_chunksize=batch_rows)
    return {"records": records(table)}


def more_kinds():
    """What Parquet has no counterpart for."""
    day = datetime.date(2024, 2, 29)
    return pa.table({
        "half": pa.array([1.5, None, -0.25, 65504.0], pa.float16()),
        "large_binary": pa.array([b"\x00", None, b"", b"ab"], pa.large_binary()),
        "large_list": pa.array([["a", None], None, [], ["b"]], pa.large_list(pa.string())),
        "pair": pa.array([[1, 2], None, [3, None], [4, 5]], pa.list_(pa.int16(), 2)),
        "day": pa.array([day, None, day, day], pa.date64()),
        "clock": pa.array([datetime.time(1, 2, 3), None, datetime.time(0), datetime.time(23, 59)], pa.time32("s")),
        "span": pa.array([1, None, -5, 0], pa.duration("ms")),
        "price": pa.array([decimal.Decimal("12.50"), None, decimal.Decimal("-0.25"), decimal.Decimal("1")], pa.decimal128(8, 2)),
        "nothings": pa.array([[None, None], None, [], [None]], pa.list_(pa.null())),
    })


def stored_decimals(made):
    """An Arrow decimal is 16 bytes, and stays so."""
    for row in made["records"]:
        if row["price"] is not None:
            row["price"] = as_record(pa.binary(), round(row["price"] * 100).to_bytes(16, "little", signed=True))
    return made


def growing_dictionary():
    """A dictionary that later batches add to."""
    kind = pa.dictionary(pa.int8(), pa.string())
    batches = [pa.record_batch([pa.DictionaryArray.from_arrays(pa.array(indices, pa.int8()), words)], names=["word"])
               for indices, words in (([0, 1, None], ["sea", "sky"]), ([2, 0], ["sea", "sky", "sun"]), ([0], ["moon"]))]
    return pa.Table.from_batches(batches, pa.schema([("word", kind)]))


def arrow_files():
    files = {}

    def add(name, table, **options):
        files[name] = write_arrow(name, table, **options)

    def refuse(name, start, table, **options):
        write_arrow(name, table, **options)
        files[name] = {"error": start}

    add("stream.arrow", kinds())
    add("file.arrow", kinds(), stream=False)
    add("small.arrow", texts(5).select(["id", "topic"]))
    add("small_file.arrow", texts(5).select(["id", "topic"]), stream=False)
    files["more.arrow"] = stored_decimals(write_arrow("more.arrow", more_kinds(), stream=False))
    add("batches.arrow", texts(30), batch_rows=7)
    add("sliced.arrow", texts(30).slice(11, 13), batch_rows=5)
    add("empty.arrow", texts(0))
    add("sharegpt.arrow", conversations(20), batch_rows=8)
    add("nested.arrow", nested())
    add("zstd.arrow", pa.concat_tables([texts(60), texts(60)]), batch_rows=40, compression="zstd")
    add("zstd_file.arrow", nested(), stream=False, compression="zstd")
    add("dictionaries.arrow", pa.table({"c": kinds()["category"], "l": pa.array([["x"], None, [], ["y", "x"]],
        pa.list_(pa.dictionary(pa.int32(), pa.string())))}))
    add("growing.arrow", growing_dictionary(), emit_dictionary_deltas=True)
    refuse("lz4.arrow", ": batch 1: the batches are compressed with LZ4, which is not read here", texts(3), compression="lz4")
    refuse("view.arrow", ": column s is of type utf8 view, which is not read here",
           pa.table({"s": pa.array(["a"], pa.string_view())}))
    refuse("union.arrow", ": column u is of type union, which is not read here",
           pa.table({"u": pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])])}))
    return files


def main():
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.iterdir():
        old.unlink()
    files = parquet_files() | arrow_files()
    lines = [f"{json.dumps(name)}:{json.dumps(what, ensure_ascii=False, separators=(',', ':'))}"
             for name, what in files.items()]
    made_by = json.dumps(stamp(__file__, packages=("pyarrow",)), separators=(",", ":"))
    (HERE / "columnar.json").write_text('{"made_by":' + made_by + ',\n"files":{\n' + ",\n".join(lines) + "\n}}\n")


if __name__ == "__main__":
    main()
