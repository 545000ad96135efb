import pytest
from device_servers import TOKEN


@pytest.fixture(autouse=True)
def token(monkeypatch):
    """The token of the servers, as a user gives it."""
    monkeypatch.setenv("AUTOAI4EO_DEVICE_TOKEN", TOKEN)
    return TOKEN
