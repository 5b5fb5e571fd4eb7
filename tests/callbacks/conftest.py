import pytest

from keras_genzoo.models.zoo_model import ZooModel


@pytest.fixture
def unchecked_values(monkeypatch):
    """`fit` takes images that are not finite: the shortest way to losses that are not."""
    monkeypatch.setattr(ZooModel, "expected_data", lambda model: {})
