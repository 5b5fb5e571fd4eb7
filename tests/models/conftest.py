from contract import Contract


def pytest_itemcollected(item):
    """The promises of the contract are marked by what they cost."""
    if isinstance(item.cls, type) and issubclass(item.cls, Contract):
        for mark in item.cls.marks_of(item.function):
            item.add_marker(mark)
