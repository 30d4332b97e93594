"""One catalogue, with its clone and server, for all tests of a file."""

from __future__ import annotations

import pytest
from testing.job_site import job_site


@pytest.fixture(scope="module")
def whole_site(tmp_path_factory):
    with job_site(tmp_path_factory.mktemp("site")) as made:
        yield made


@pytest.fixture
def site(whole_site):
    """The site as it was made, but for the commits of the source."""
    whole_site.reset()
    return whole_site
