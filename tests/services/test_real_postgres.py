import psycopg
import pytest
import sqlalchemy as sa

from testing.postgres_server import new_database


@pytest.fixture
def engine(postgres_url):
    engine = sa.create_engine(postgres_url)
    yield engine
    engine.dispose()


def test_a_query_is_answered_by_postgresql(engine):
    with engine.connect() as connection:
        assert connection.dialect.name == "postgresql"
        assert connection.execute(sa.text("SELECT sum(i) FROM generate_series(1, 100) AS i")).scalar_one() == 5050


def test_every_test_gets_an_empty_database_of_its_own(engine, postgres_server):
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE seen (id integer)"))

    with new_database(postgres_server) as other_url:
        other = sa.create_engine(other_url)
        assert sa.inspect(other).get_table_names() == []
        other.dispose()
    assert sa.inspect(engine).get_table_names() == ["seen"]


def test_a_database_is_dropped_under_its_connections(postgres_server):
    with new_database(postgres_server) as url:
        held = psycopg.connect(url.replace("+psycopg", ""))

    with pytest.raises(psycopg.OperationalError):
        held.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(url.replace("+psycopg", ""))
