import numpy as np
import small

from autoai4eo.data.readers.joined import joined
from autoai4eo.data.stream import Batches


def test_two_data_sets_are_read_as_one():
    first, second = small.dataset(12, seed=0), small.dataset(9, seed=1)
    both = joined(first, second.subset(np.arange(3, 9)))
    assert len(both) == 18 and both.inputs == first.inputs
    assert both.labels.tolist() == [*first.labels, *second.labels[3:]]
    found = both.read([13, 2, 11, 12])["sen2"]
    expected = [
        second.read([4])["sen2"][0],
        first.read([2])["sen2"][0],
        first.read([11])["sen2"][0],
        second.read([3])["sen2"][0],
    ]
    assert (found == np.array(expected)).all()
    batches = Batches(both, 5, shuffle=True)
    found = np.concatenate([batches[i][1] for i in range(len(batches))])
    assert np.bincount(found).tolist() == [6, 6, 6]
