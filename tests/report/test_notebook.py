import shutil

import small


def test_before_fit_it_says_so(tmp_path):
    shown = small.model(tmp_path)._repr_html_()
    assert "nothing was searched yet" in shown and str(tmp_path) in shown


def test_a_search_shows_status_leaderboard_and_front(searched):
    shown = searched._repr_html_()
    counts = searched.trials()["status"].value_counts()
    for status, number in counts.items():
        assert f"{number} {status}" in shown
    assert "(finalist)" in shown and "<svg" in shown and "<title>trial" in shown
    assert "<script" not in shown and len(shown) < 50_000


def test_it_never_raises(searched, tmp_path):
    shutil.copytree(searched.run, tmp_path / "run")
    (tmp_path / "run" / "study.db").write_bytes(b"no database")
    shown = small.model(tmp_path)._repr_html_()
    assert shown.startswith("<code>") and "<autoai4eo" not in shown
