"""References from files: what a body of the same rows makes, whatever the format and however many batches it takes."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from pyarrow import csv

from api.reference_building import Built, Place, from_rows, put
from api.reference_files import from_file
from driftglass_client.wire import CONTENT_ARROW
from kernel.clock import ManualClock, to_rfc3339
from kernel.errors import ContractError, NotFoundError, UnavailableError
from kernel.profile import Kind
from kernel.profile_codec import encode_profile
from store import columns, models, references
from store.models import Model
from stream.codecs import row_files
from testing.migrated import open_migrated

NOW_US = 1_700_000_000_000_000
FIRST_US = 1_362_096_000_000_000  # 2013-03-01
ROWS = 3_000


@pytest.fixture
def place(tmp_path: Path) -> Any:
    db = open_migrated(f"sqlite:///{tmp_path / 'state.db'}")
    yield Place(db, "default", ManualClock(NOW_US), 50)
    db.close()


def rows(number: int = ROWS, seed: int = 7) -> pa.Table:
    """Predictions with most of their labels, features by their bare names."""
    rng = np.random.default_rng(seed)
    score = np.round(rng.beta(2, 3, number), 6)
    truth = np.where(rng.random(number) < score, "late", "on_time")
    return pa.table(
        {
            "ts": pa.array(FIRST_US + np.arange(number) * 1_000_000).cast(pa.timestamp("us", "UTC")),
            "version": ["1"] * number,
            "delay": pa.array(np.round(rng.lognormal(1, 1, number), 3), mask=rng.random(number) < 0.02),
            "carrier": rng.choice(["UA", "AA", "B6"], number),
            "feature.night": rng.random(number) < 0.2,
            "prediction": np.where(score > 0.5, "late", "on_time"),
            "score.late": score,
            "latency_ms": np.round(rng.gamma(2, 3, number), 3),
            "label": pa.array(truth, mask=np.arange(number) % 10 == 0),
        }
    )


def as_csv(table: pa.Table, path: Path) -> None:
    ts = (
        pa.array([to_rfc3339(us) for us in table["ts"].cast(pa.int64()).to_pylist()])
        if "ts" in table.column_names
        else None
    )
    csv.write_csv(table if ts is None else table.set_column(table.column_names.index("ts"), "ts", ts), path)


def as_stream(table: pa.Table, path: Path) -> None:
    with pa.ipc.new_stream(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=700)


WRITERS: dict[str, Callable[[pa.Table, Path], None]] = {
    "parquet": lambda table, path: pq.write_table(table, path, row_group_size=700),
    "csv": as_csv,
    "arrow": as_stream,
    "feather": lambda table, path: pa.feather.write_feather(table, path, chunksize=700),
}


def built(place: Place, path: Path, model: str = "flights", heard: Callable[[float], None] = lambda _: None) -> Built:
    return from_rows(place, model, from_file(path, model, NOW_US, heard), "key")


def on_the_wire(table: pa.Table) -> bytes:
    names = ["feature." + name if name in ("delay", "carrier") else name for name in table.column_names]
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.rename_columns(names).schema) as writer:
        writer.write_table(table.rename_columns(names))
    return bytes(sink.getvalue().to_pybytes())


@pytest.fixture(params=[1 << 16, 512], ids=["one batch", "many batches"])
def batches(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(row_files, "_ROWS_AT_ONCE", request.param)
    return int(request.param)


@pytest.mark.parametrize("format_", WRITERS)
def test_a_file_makes_the_reference_that_a_body_of_its_rows_makes(
    serve: Any, place: Place, tmp_path: Path, format_: str, batches: int
) -> None:
    api = serve()
    message = on_the_wire(rows())
    headers = {"content-type": CONTENT_ARROW, "model": "flights"}
    sent = pa.ipc.open_stream(message).read_all().append_column("model", pa.array(["flights"] * ROWS))
    with pa.ipc.new_stream(sink := pa.BufferOutputStream(), sent.schema) as writer:
        writer.write_table(sent)
    answer = api.http.put("/v1/models/flights/reference", content=sink.getvalue().to_pybytes(), headers=headers)
    assert answer.status_code == 200, answer.text
    expected = references.active(api.db, "default", "flights")
    path = tmp_path / f"training.{format_}"
    WRITERS[format_](rows(), path)
    found = built(place, path)
    put(place, "flights", found)
    stored = references.active(place.db, "default", "flights")
    if batches > ROWS:
        assert encode_profile(stored.profile) == encode_profile(expected.profile)
    assert stored.profile.rows == ROWS
    for name, column in expected.profile.columns.items():
        other = stored.profile.columns[name]
        assert (other.kind, other.values, other.missing) == (column.kind, column.values, column.missing), name
        assert other.moments.mean == pytest.approx(column.moments.mean), name
        if column.kind is not Kind.NUMERIC:  # whose grid is that of the first batch here
            assert other.cells.rows.tolist() == column.cells.rows.tolist(), name
    assert stored.performance == expected.performance
    assert stored.labels == expected.labels
    assert (found.labels, found.rejected) == (ROWS - ROWS // 10, 0)
    assert stored.provenance == {
        "source": "file", "name": path.name, "format": "arrow" if format_ == "feather" else format_, "rows": ROWS,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "from": to_rfc3339(FIRST_US), "to": to_rfc3339(FIRST_US + (ROWS - 1) * 1_000_000),
    }  # fmt: skip


@pytest.mark.parametrize(("suffix", "kind"), [("csv", "text/csv"), ("parquet", "application/vnd.apache.parquet")])
def test_a_file_is_a_body_too(api: Any, tmp_path: Path, suffix: str, kind: str) -> None:
    path = tmp_path / f"rows.{suffix}"
    WRITERS[suffix](rows().drop_columns(["ts"]), path)
    answer = api.http.put("/v1/models/flights/reference", content=path.read_bytes(), headers={"content-type": kind})
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert (said["rows"], said["labels"], said["rejected"]) == (ROWS, ROWS - ROWS // 10, 0)
    stored = references.active(api.db, "default", "flights")
    assert set(stored.profile.columns) >= {"feature.delay", "feature.carrier", "feature.night", "score.late"}
    now = to_rfc3339(NOW_US)
    told = said["provenance"]
    assert told == stored.provenance
    assert (told["source"], told["format"], told["rows"], told["from"], told["to"]) == ("rows", suffix, ROWS, now, now)
    assert "filled in" in told["ts"]


def test_wrong_bodies_of_files_say_why(api: Any) -> None:
    for kind, body, said in (
        ("text/csv", b"", "the body cannot be read as CSV"),
        ("text/csv", b"a,b\n", "the body holds no rows"),
        ("text/csv", b"a,b\n1\n", "Expected 2 columns"),
        ("application/vnd.apache.parquet", b"PAR1 and nothing", "the body cannot be read as Parquet"),
    ):
        answer = api.http.put("/v1/models/flights/reference", content=body, headers={"content-type": kind})
        assert said in api.refused(400, answer)
    assert models.known(api.db, "default") == {}


def test_refused_rows_are_told_by_their_place_in_the_file(place: Place, tmp_path: Path, batches: int) -> None:
    table = rows()
    latency = table["latency_ms"].to_pylist()
    for bad in (3, 700, 2_999):
        latency[bad] = -1.0
    path = tmp_path / "bad.parquet"
    pq.write_table(table.set_column(table.column_names.index("latency_ms"), "latency_ms", pa.array(latency)), path)
    found = built(place, path)
    assert [(r.row, r.field) for r in found.refusals] == [(bad, "latency_ms") for bad in (3, 700, 2_999)]
    assert (found.rejected, found.profile.rows) == (3, ROWS - 3)


def test_declared_types_refuse_rows_of_a_file(place: Place, tmp_path: Path) -> None:
    models.declare(place.db, "default", Model("flights"), 0)
    declared = columns.Column("feature.x", Kind.NUMERIC, declared=True, fixed=True)
    columns.replace(place.db, "default", "flights", [declared])
    path = tmp_path / "rows.csv"
    path.write_text("x,label\n1,a\nmuch,b\n3,a\n")
    found = built(place, path)
    assert [(r.row, r.field) for r in found.refusals] == [(1, "features.x")]
    assert found.profile.columns["feature.x"].values == 2


def test_cells_of_csv_have_the_type_of_their_whole_column(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(
        "number,flag,text,mixed,prediction,label,latency_ms,when\n"
        "1,True,a,1,0.5,1,3.5,x\n"
        "NA,false,NA,b,1e3,,soon,x\n"
        ',,"a, b",,2,0,,x\n'
    )
    found = built(place, path)
    assert [(r.row, r.field) for r in found.refusals] == [(1, "latency_ms")]
    kinds = {name: column.kind for name, column in found.profile.columns.items()}
    assert kinds["feature.number"] is kinds["prediction"] is Kind.NUMERIC
    assert kinds["feature.flag"] is Kind.BOOLEAN
    assert kinds["feature.text"] is kinds["feature.mixed"] is Kind.CATEGORICAL
    assert found.labels == 2
    assert found.performance["mae"]["value"] == pytest.approx((0.5 + 2) / 2)


def test_a_column_model_must_name_the_model(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("model,x\nflights,1\nflights,2\nboats,3\n")
    with pytest.raises(ContractError, match="row 2 is of 'boats'; every row must be of 'flights'"):
        built(place, path)
    assert models.known(place.db, "default") == {}
    path.write_text("model,x\nflights,1\nflights,2\n")
    assert built(place, path).profile.rows == 2


def test_a_grid_is_fitted_from_all_over_a_file(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_files, "_ROWS_AT_ONCE", 10_000)
    path = tmp_path / "sorted.parquet"
    pq.write_table(pa.table({"x": np.sort(np.random.default_rng(1).normal(0, 1, 100_000))}), path)
    column = built(place, path).profile.columns["feature.x"]
    assert column.values == 100_000
    assert column.cells.rows.max() < 1_500  # of 512 cells; fitted from the first rows alone, one would hold nine tenths
    np.testing.assert_allclose(column.moments.mean, 0.0, atol=0.02)


def test_no_more_is_held_of_a_long_file_than_of_a_short_one(place: Place, tmp_path: Path) -> None:
    pool = pa.default_memory_pool()
    peaks = []
    for parts in (3, 12):
        path = tmp_path / f"{parts}.parquet"
        rng = np.random.default_rng(2)
        with pq.ParquetWriter(path, pa.schema([(f"x{i}", pa.float64()) for i in range(12)])) as writer:
            for _ in range(parts):
                writer.write_table(pa.table({f"x{i}": rng.normal(0, 1, 50_000) for i in range(12)}))
        before, seen = pool.bytes_allocated(), []
        found = built(place, path, heard=lambda _, seen=seen: seen.append(pool.bytes_allocated()))  # type: ignore[misc]
        assert found.profile.rows == parts * 50_000
        peaks.append(max(seen) - before)
    assert peaks[1] < 1.2 * peaks[0]


def test_the_share_that_is_done_is_told(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_files, "_ROWS_AT_ONCE", 1_000)
    path = tmp_path / "rows.parquet"
    pq.write_table(rows(), path)
    heard: list[float] = []
    built(place, path, heard=heard.append)
    assert heard == pytest.approx([1 / 3, 2 / 3, 1.0])


@pytest.mark.parametrize(
    ("name", "content", "error", "said"),
    [
        ("none.parquet", None, NotFoundError, "there is no file .*none.parquet: give the path"),
        ("folder.csv", "folder", UnavailableError, "cannot be opened"),
        ("rows.txt", b"a,b\n1,2\n", ContractError, "is neither Parquet nor Arrow, nor does its name end with .csv"),
        ("rows.parquet", b"PAR1 is not all", ContractError, "cannot be read as Parquet: .*; write it again"),
        ("rows.arrow", b"ARROW1 is not all", ContractError, "cannot be read as Arrow"),
        ("rows.csv", b"a,b\n1,\xff\n", ContractError, "cannot be read as CSV: .*UTF8"),
        ("rows.csv", b"", ContractError, "cannot be read as CSV"),
        ("rows.csv", b"a,b\n", ContractError, "rows.csv holds no rows"),
        ("rows.csv", b"ts,x\nsoon,1\nlater,2\n", ContractError, "row 0: must be an RFC 3339 time .* no row of .*rows.csv is"),
        ("rows.csv", b"x,feature.x\n1,2\n", ContractError, "is a column that comes twice"),
    ],
)  # fmt: skip
def test_what_is_no_file_of_rows_says_what_to_do(
    place: Place, tmp_path: Path, name: str, content: Any, error: type[Exception], said: str
) -> None:
    path = tmp_path / name
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(error, match=said):
        built(place, path)
    assert models.known(place.db, "default") == {}
