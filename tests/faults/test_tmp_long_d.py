import random, pytest
from tests.faults.test_workers_die import shop_floor, run_and_kill
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("seed", [1, 2])
def test_long(shop_floor, seed):
    run_and_kill(shop_floor, 300, 50, seed)
