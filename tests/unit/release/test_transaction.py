"""What a transaction promises, on a systemd that can be told to fail."""

from __future__ import annotations

import fcntl
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from plugins.module_utils.release.disk import resolved
from plugins.module_utils.release.machine import Machine
from plugins.module_utils.release.transaction import Change, Failure, Transaction, summary
from plugins.module_utils.release.tree import File, Tree, found, mode_of

from .systemd import Systemd


@pytest.fixture
def host(tmp_path: Path) -> Systemd:
    return Systemd(tmp_path)


def release(host: Systemd, *trees: Tree) -> list[Change]:
    return Transaction(host, patience=0, pause=0).carry_out(trees)


def picture(folder: Path) -> dict[str, tuple[int, bytes | str]]:
    """Everything below a folder: modes, contents, links."""
    return {
        str(path): (path.lstat().st_mode, str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else b"")
        for path in sorted(folder.rglob("*"))
        if path.name != "commands"
    }


# The way it should go


def test_a_first_release_serves_and_a_boot_serves_it_too(host: Systemd) -> None:
    changes = release(host, host.tree("one"))
    assert host.loaded() == "listen 80\none\n"
    assert summary(changes)["changed"]
    host.boot("web")
    assert host.loaded() == "listen 80\none\n"


def test_a_second_release_is_reloaded_and_never_restarted(host: Systemd) -> None:
    release(host, host.tree("one"))
    seen = len(host.changing_commands())
    release(host, host.tree("two"))
    assert host.loaded() == "listen 80\ntwo\n"
    assert [command for command in host.changing_commands()[seen:] if command.startswith("systemctl")] == ["systemctl reload-or-restart web"]
    assert host.files() == {"main.conf": "listen 80\ntwo\n"}


def test_a_release_that_serves_already_is_left_alone(host: Systemd) -> None:
    release(host, host.tree("one"))
    before, seen = picture(host.folder), len(host.changing_commands())
    changes = release(host, host.tree("one"))
    assert summary(changes) == {"changed": False, "trees": [], "diff": []}
    assert picture(host.folder) == before
    assert host.changing_commands()[seen:] == []


def test_the_new_files_are_validated_before_anything_serves_them(host: Systemd) -> None:
    release(host, host.tree("one"))
    release(host, host.tree("two"))
    commands = host.changing_commands()[2:]
    assert commands[0].startswith("check ") and commands[1] == "systemctl reload-or-restart web"


def test_a_tree_without_a_unit_is_files_alone(host: Systemd) -> None:
    tree = Tree(str(host.root("stack")), (File("compose.yml", b"services: {}\n"), File("sub/more.yml", b"x\n")))
    release(host, tree)
    assert host.files("stack") == {"compose.yml": "services: {}\n", "sub/more.yml": "x\n"}
    assert release(host, tree) == []
    assert host.commands() == []


def test_three_releases_are_kept_to_look_back_at(host: Systemd) -> None:
    for number in range(7):
        release(host, host.tree(f"number {number}"))
    kept = [(path / "main.conf").read_text() for path in (host.root("web") / "releases").iterdir()]
    assert len(kept) == 4
    assert {"listen 80\nnumber 6\n", "listen 80\nnumber 5\n"} <= set(kept)


def test_the_release_before_this_one_is_kept_even_where_the_clock_went_back(host: Systemd) -> None:
    release(host, host.tree("one"))
    for year in range(2030, 2036):
        (host.root("web") / "releases" / f"{year}0101T000000-x").mkdir()
    release(host, host.tree("two"))
    kept = [(path / "main.conf").read_text() for path in (host.root("web") / "releases").iterdir() if (path / "main.conf").exists()]
    assert sorted(kept) == ["listen 80\none\n", "listen 80\ntwo\n"]


def test_the_service_can_enter_the_directories_under_the_strictest_umask(host: Systemd) -> None:
    before = os.umask(0o077)
    try:
        release(host, host.tree("one", files=(File("sub/main.conf", b"listen 80\n"),)))
        assert os.umask(0o077) == 0o077
    finally:
        os.umask(before)
    directories = [path for path in [host.root("web"), *host.root("web").rglob("*")] if path.is_dir()]
    assert len(directories) >= 4
    assert {path.stat().st_mode & 0o777 for path in directories} == {0o755}


# What a person did by hand


def test_an_edit_by_hand_is_repaired_and_shown(host: Systemd) -> None:
    release(host, host.tree("one"))
    (host.root("web") / "current" / "main.conf").write_text("listen 80\nby hand\n")
    (entry,) = summary(release(host, host.tree("one")))["diff"]
    assert (entry["before"], entry["after"]) == ("listen 80\nby hand\n", "listen 80\none\n")
    assert host.files() == {"main.conf": "listen 80\none\n"}


def test_a_file_that_is_no_longer_wanted_goes(host: Systemd) -> None:
    release(host, host.tree("one", files=(File("main.conf", b"listen 80\n"), File("sites/old.conf", b"old\n"))))
    (entry,) = summary(release(host, host.tree("one", files=(File("main.conf", b"listen 80\n"),))))["diff"]
    assert entry["before"] == "old\n" and entry["after_header"].endswith("sites/old.conf (absent)")
    assert host.loaded() == "listen 80\n"


def test_a_file_that_a_person_added_goes(host: Systemd) -> None:
    release(host, host.tree("one"))
    (host.root("web") / "current" / "mine.conf").write_text("mine\n")
    release(host, host.tree("one"))
    assert list(host.files()) == ["main.conf"]


def test_a_mode_changed_by_hand_is_repaired_and_shown(host: Systemd) -> None:
    release(host, host.tree("one"))
    (host.root("web") / "current" / "main.conf").chmod(0o666)
    (entry,) = summary(release(host, host.tree("one")))["diff"]
    assert (entry["before"], entry["after"]) == ("(root:root 0666)\n", "(root:root 0644)\n")
    assert (host.root("web") / "current" / "main.conf").stat().st_mode & 0o777 == 0o644


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
def test_an_owner_changed_by_hand_is_repaired(host: Systemd) -> None:
    release(host, host.tree("one"))
    os.chown(host.root("web") / "current" / "main.conf", 65534, 4242424)
    (entry,) = summary(release(host, host.tree("one")))["diff"]
    assert "nobody:4242424" in entry["before"]
    assert (host.root("web") / "current" / "main.conf").stat().st_uid == 0


def test_links_directories_and_pipes_put_into_a_release_by_hand_are_seen_and_go(host: Systemd, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x.conf").write_text("x")
    tree = host.tree("one", files=(File("main.conf", b"listen 80\n"), File("empty.conf", b"", 0o600), File("sites/a.conf", b"a\n")))
    release(host, tree)
    current = host.root("web") / "current"
    (current / "more").symlink_to(tmp_path / "elsewhere")
    assert [entry["before"] for entry in summary(release(host, tree))["diff"]] == [str(tmp_path / "elsewhere")]
    assert not (current / "more").exists()
    (current / "empty.conf").unlink()
    os.mkfifo(current / "empty.conf", 0o600)
    assert len(release(host, tree)) == 1
    assert (current / "empty.conf").is_file()
    (current / "sites" / "a.conf").unlink()
    (current / "sites").rmdir()
    (current / "sites").symlink_to(tmp_path / "elsewhere")
    assert len(release(host, tree)) == 1
    assert (current / "sites" / "a.conf").read_text() == "a\n"
    (current / "dangling").symlink_to(os.fsdecode(b"/nowhere-\xff"))
    assert len(release(host, tree)) == 1
    assert (tmp_path / "elsewhere" / "x.conf").read_text() == "x"


def test_a_service_that_a_person_stopped_is_started(host: Systemd) -> None:
    release(host, host.tree("one"))
    host.run(["systemctl", "stop", "web"])
    assert release(host, host.tree("one"))
    assert host.loaded() == "listen 80\none\n"


def test_a_service_that_does_not_listen_any_more_is_not_called_fine(host: Systemd) -> None:
    release(host, host.tree("one"))
    host.become("web", True, "deaf")
    assert release(host, host.tree("one"))
    assert host.listening() == [80]


def test_a_release_deleted_by_hand_is_made_again(host: Systemd) -> None:
    release(host, host.tree("one"))
    victim = resolved(host.root("web") / "current")
    assert victim
    (victim / "main.conf").unlink()
    victim.rmdir()
    release(host, host.tree("one"))
    assert host.files() == {"main.conf": "listen 80\none\n"}


# What a killed run left


def test_a_live_link_left_on_a_trial_is_brought_back_although_the_files_are_right(host: Systemd) -> None:
    release(host, host.tree("one"))
    other = host.root("web") / "releases" / "trial"
    other.mkdir()
    (other / "main.conf").write_text("listen 80\ntrial\n")
    host.live("web").unlink()
    host.live("web").symlink_to(other)
    host.reload("web")
    release(host, host.tree("one"))
    assert host.loaded() == "listen 80\none\n"


def test_a_way_back_that_was_killed_before_its_reload_is_completed(host: Systemd) -> None:
    """The links are right again by then; the process is not."""
    release(host, host.tree("one"))
    current = resolved(host.root("web") / "current")
    assert current
    host.live("web").unlink()
    host.live("web").symlink_to(current)
    host.become("web", True, "listen 80\ntrial\n")
    release(host, host.tree("one"))
    assert host.loaded() == "listen 80\none\n"


# Trouble


def test_files_that_do_not_validate_never_come_near_the_service(host: Systemd) -> None:
    release(host, host.tree("one"))
    before, seen = picture(host.folder), len(host.changing_commands())
    with pytest.raises(Failure, match=r"(?s)refused by 'check .*untouched.*line 2: not valid"):
        release(host, host.tree("not valid"))
    assert picture(host.folder) == before
    assert [command for command in host.changing_commands()[seen:] if not command.startswith("check")] == []


@pytest.mark.parametrize(
    ("trouble", "says"), [("not reloadable", "did not accept"), ("not loadable", "did not accept"), ("deaf", "does not listen on port 80")]
)
def test_a_release_that_does_not_serve_is_undone_in_files_and_process(host: Systemd, trouble: str, says: str) -> None:
    release(host, host.tree("one"))
    before = picture(host.folder)
    with pytest.raises(Failure, match=rf"(?s){says}.*previous files of .* are back, and web serves them"):
        release(host, host.tree(trouble))
    assert host.loaded() == "listen 80\none\n"
    assert picture(host.folder) == before
    host.boot("web")
    assert host.loaded() == "listen 80\none\n"


def test_sockets_that_a_refused_reload_left_open_are_closed_by_a_restart_and_only_then(host: Systemd) -> None:
    release(host, host.tree("one"))
    for text, restarts in (("not reloadable", 0), ("not reloadable leaky", 1)):
        seen = len(host.changing_commands())
        with pytest.raises(Failure, match="are back, and web serves them"):
            release(host, host.tree(text))
        assert host.changing_commands()[seen:].count("systemctl restart web") == restarts
        assert host.listening() == [80] and host.loaded() == "listen 80\none\n"


def test_a_failed_first_release_leaves_nothing_running_and_nothing_for_a_boot(host: Systemd) -> None:
    for trouble in ("not loadable", "deaf"):
        with pytest.raises(Failure, match=r"no earlier release of .* web is stopped"):
            release(host, host.tree(trouble))
        assert host.loaded() == ""
        assert host.files() == {}
        assert not host.live("web").is_symlink()
        assert list((host.root("web") / "releases").iterdir()) == []
    release(host, host.tree("one"))
    assert host.loaded() == "listen 80\none\n"


# One unit in the place of another


def beside_another(host: Systemd, text: str = "old") -> Tree:
    """A unit `other` that serves port 80, and the tree that is to take its place."""
    release(host, host.tree(text, "other"))
    return host.tree("new", replaces=("other",))


def test_a_unit_takes_the_place_of_another_which_a_boot_does_not_start_any_more(host: Systemd) -> None:
    release(host, beside_another(host))
    assert host.loaded() == "listen 80\nnew\n" and host.loaded("other") == ""
    assert (host.folder / "other.disabled").exists()
    commands = host.changing_commands()
    assert commands.index("systemctl stop other") < commands.index("systemctl start web") < commands.index("systemctl disable other")


@pytest.mark.parametrize("trouble", ["not loadable", "deaf"])
def test_a_unit_that_made_room_serves_again_where_the_new_one_does_not(host: Systemd, trouble: str) -> None:
    tree = beside_another(host)
    with pytest.raises(Failure, match=r"(?s)web is stopped\..*other serves again"):
        release(host, replace(tree, files=(File("main.conf", f"listen 80\n{trouble}\n".encode()),)))
    assert host.loaded() == "" and host.loaded("other") == "listen 80\nold\n"
    assert not (host.folder / "other.disabled").exists() and host.files() == {}


def test_files_that_do_not_validate_do_not_stop_the_other_unit(host: Systemd) -> None:
    tree = beside_another(host)
    with pytest.raises(Failure, match="refused by"):
        release(host, replace(tree, files=(File("main.conf", b"listen 80\nnot valid\n"),)))
    assert "systemctl stop other" not in host.commands() and host.loaded("other") == "listen 80\nold\n"


def test_a_unit_that_does_not_stop_is_named_and_the_new_one_never_starts(host: Systemd) -> None:
    tree = beside_another(host, "not stoppable")
    with pytest.raises(Failure, match="other has to make room for web, and does not stop"):
        release(host, tree)
    assert "systemctl start web" not in host.commands() and host.loaded("other")


def test_a_unit_with_an_earlier_release_of_its_own_gives_the_ports_back_too(host: Systemd) -> None:
    release(host, host.tree("earlier"))
    host.run(["systemctl", "stop", "web"])
    tree = beside_another(host)
    with pytest.raises(Failure, match=r"(?s)web is stopped, as before\..*other serves again"):
        release(host, replace(tree, files=(File("main.conf", b"listen 80\ndeaf\n"),)))
    assert host.loaded() == "" and host.loaded("other") == "listen 80\nold\n"
    assert host.files() == {"main.conf": "listen 80\nearlier\n"}


def test_a_unit_that_is_not_running_is_neither_stopped_nor_started_nor_disabled(host: Systemd) -> None:
    tree = beside_another(host)
    host.run(["systemctl", "stop", "other"])
    seen = len(host.changing_commands())
    release(host, tree)
    assert not [command for command in host.changing_commands()[seen:] if command.endswith(" other")]


def test_what_a_person_has_the_unit_serve_besides_is_served_on_when_a_first_release_fails(host: Systemd) -> None:
    (host.folder / "web.own").write_text("listen 8080\n")
    host.start("web")
    with pytest.raises(Failure, match="web serves what it served without one"):
        release(host, host.tree("deaf"))
    assert host.loaded() == "listen 8080\n" and host.files() == {}


def test_the_owner_is_told_when_not_even_the_previous_release_runs(host: Systemd) -> None:
    release(host, host.tree("one"))
    conf = host.root("web") / "current" / "main.conf"
    conf.write_text("listen 80\nnot loadable\n")
    with pytest.raises(Failure, match="web does not run with them either: see 'journalctl -u web'"):
        release(host, host.tree("deaf"))
    assert host.files() == {"main.conf": "listen 80\nnot loadable\n"}
    release(host, host.tree("two"))
    assert host.loaded() == "listen 80\ntwo\n"


def test_a_stopped_service_with_a_good_release_has_it_back_when_the_new_one_fails(host: Systemd) -> None:
    release(host, host.tree("one"))
    host.run(["systemctl", "stop", "web"])
    with pytest.raises(Failure, match="are back, and web serves them"):
        release(host, host.tree("deaf"))
    assert host.loaded() == "listen 80\none\n"


def test_a_stopped_service_whose_release_is_broken_gets_the_new_one(host: Systemd) -> None:
    release(host, host.tree("one"))
    (host.root("web") / "current" / "main.conf").write_text("not loadable")
    host.run(["systemctl", "stop", "web"])
    release(host, host.tree("two"))
    assert host.loaded() == "listen 80\ntwo\n"
    host.boot("web")
    assert host.loaded() == "listen 80\ntwo\n"


def test_an_unknown_owner_is_named_before_anything_changes(host: Systemd) -> None:
    release(host, host.tree("one"))
    before = picture(host.folder)
    with pytest.raises(Failure, match=r"need an owner or a group that this host does not have.*nobody-here"):
        release(host, host.tree("two", files=(File("main.conf", b"listen 80\n", owner="nobody-here"),)))
    assert picture(host.folder) == before


def test_a_root_that_cannot_be_made_is_an_error_that_says_so(host: Systemd) -> None:
    (host.folder / "etc").write_text("a file in the way")
    with pytest.raises(Failure, match=r"etc/web could not be made: .*Nothing was changed"):
        release(host, host.tree("one"))


def test_a_file_in_the_way_of_a_directory_is_an_error_and_leaves_nothing(host: Systemd) -> None:
    with pytest.raises(Failure, match=r"could not be written below .*untouched"):
        release(host, host.tree("one", files=(File("a", b"listen 80\n"), File("a/b", b"x"))))
    assert host.leftovers() == [] and host.loaded() == ""


def test_an_interrupt_by_a_person_puts_everything_back(host: Systemd) -> None:
    release(host, host.tree("one"))

    def interrupt(name: str) -> None:
        if name == "probe":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Transaction(host, interrupt).carry_out([host.tree("two")])
    assert host.loaded() == "listen 80\none\n" and host.leftovers() == []


# A list of trees


def both(host: Systemd, first: str, second: str) -> tuple[Tree, Tree]:
    return host.tree(first, "inner", 81), host.tree(second, "outer", 80)


@pytest.mark.parametrize("trouble", ["not valid", "not reloadable", "not loadable", "deaf"])
def test_a_list_of_trees_changes_as_a_whole_or_not_at_all(host: Systemd, trouble: str) -> None:
    release(host, *both(host, "one", "one"))
    before = picture(host.folder)
    with pytest.raises(Failure):
        release(host, *both(host, "two", trouble))
    assert (host.loaded("inner"), host.loaded("outer")) == ("listen 81\none\n", "listen 80\none\n")
    assert picture(host.folder) == before


def test_trees_are_put_back_in_reverse(host: Systemd) -> None:
    release(host, *both(host, "one", "one"))
    seen = len(host.changing_commands())
    with pytest.raises(Failure, match=r"(?s)etc/outer are back.*etc/inner are back"):
        release(host, *both(host, "two", "deaf"))
    units = [command.split()[-1] for command in host.changing_commands()[seen:] if command.startswith("systemctl reload")]
    assert units == ["inner", "outer", "outer", "inner"]


def test_a_first_list_whose_second_service_fails_leaves_neither(host: Systemd) -> None:
    with pytest.raises(Failure):
        release(host, *both(host, "one", "not loadable"))
    assert (host.loaded("inner"), host.loaded("outer")) == ("", "")
    assert (host.files("inner"), host.files("outer")) == ({}, {})


@pytest.mark.parametrize("unit", ["inner", "outer"])
def test_trees_without_a_unit_go_back_too_when_a_later_commit_fails(host: Systemd, unit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    files = Tree(str(host.root("stack")), (File("compose.yml", b"one\n"),))
    release(host, files, *both(host, "one", "one"))
    before = picture(host.folder)
    real, broken = Path.replace, [True]

    def replace_once(self: Path, target: Path) -> Path:
        if target == host.root(unit) / "current" and broken.pop():
            broken.append(False)
            raise OSError(28, "No space left on device")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", replace_once)
    with pytest.raises(Failure, match="No space left"):
        release(host, replace(files, files=(File("compose.yml", b"two\n"),)), *both(host, "two", "two"))
    monkeypatch.undo()
    assert host.files("stack") == {"compose.yml": "one\n"}
    assert (host.loaded("inner"), host.loaded("outer")) == ("listen 81\none\n", "listen 80\none\n")
    assert {name: seen for name, seen in picture(host.folder).items() if ".current.new" not in name} == before


def test_a_first_release_without_a_unit_goes_again_when_a_later_commit_fails(host: Systemd) -> None:
    def fail(name: str) -> None:
        if name == "commit" and (host.root("stack") / "current").exists():
            raise OSError(28, "No space left on device")

    files = Tree(str(host.root("stack")), (File("compose.yml", b"one\n"),))
    with pytest.raises(Failure, match="No space left"):
        Transaction(host, fail, patience=0, pause=0).carry_out([files, host.tree("one")])
    assert host.files("stack") == {} and host.files() == {} and host.loaded() == ""
    assert list((host.root("stack") / "releases").iterdir()) == []


def test_a_link_that_could_not_be_moved_once_is_moved_on_the_way_back(host: Systemd, monkeypatch: pytest.MonkeyPatch) -> None:
    release(host, host.tree("one"))
    real, failures = Path.replace, [OSError(28, "No space left on device")]

    def fail_once(self: Path, target: Path) -> Path:
        if failures:
            raise failures.pop()
        return real(self, target)

    monkeypatch.setattr(Path, "replace", fail_once)
    with pytest.raises(Failure, match=r"(?s)No space left.*are back, and web serves them"):
        release(host, host.tree("two"))
    assert host.leftovers() == []


def test_one_tree_that_cannot_be_put_back_does_not_keep_the_others_from_it(host: Systemd, monkeypatch: pytest.MonkeyPatch) -> None:
    release(host, *both(host, "one", "one"))
    real, calls = Path.replace, []

    def refuse_the_second(self: Path, target: Path) -> Path:
        calls.append(target)
        if target == host.live("outer") and calls.count(target) > 1:
            raise OSError(30, "Read-only file system")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", refuse_the_second)
    with pytest.raises(Failure, match=r"(?s)does not listen.*etc/outer could not be put back as it was.*Read-only.*etc/inner are back"):
        release(host, *both(host, "two", "deaf"))
    assert host.loaded("inner") == "listen 81\none\n"


def test_only_the_tree_that_differs_is_touched(host: Systemd) -> None:
    release(host, *both(host, "one", "one"))
    seen = len(host.changing_commands())
    changes = release(host, *both(host, "one", "two"))
    assert summary(changes)["trees"] == [str(host.root("outer"))]
    assert not [command for command in host.changing_commands()[seen:] if command.endswith("inner")]


def test_one_root_twice_in_a_list_is_refused(host: Systemd) -> None:
    with pytest.raises(Failure, match="more than once"):
        release(host, host.tree("one"), host.tree("two"))
    assert not host.root("web").exists()


def test_a_second_run_waits_for_the_first(host: Systemd) -> None:
    release(host, host.tree("one"))
    descriptor = os.open(host.root("web") / "lock", os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    waiting = threading.Thread(target=release, args=(host, host.tree("two")))
    waiting.start()
    waiting.join(0.3)
    assert waiting.is_alive() and host.loaded() == "listen 80\none\n"
    os.close(descriptor)
    waiting.join(10)
    assert host.loaded() == "listen 80\ntwo\n"


# Taking it away


def test_a_tree_that_is_no_longer_wanted_goes_with_all_its_releases(host: Systemd) -> None:
    release(host, host.tree("one"))
    release(host, host.tree("two"))
    host.run(["systemctl", "stop", "web"])
    gone = host.tree("", state="absent", files=())
    (entry,) = summary(release(host, gone))["diff"]
    assert entry["before"] == "listen 80\ntwo\n" and entry["after"] == ""
    assert not host.root("web").exists() and not host.live("web").is_symlink()
    assert release(host, gone) == []


def test_a_directory_that_holds_something_else_is_never_removed(host: Systemd) -> None:
    host.root("web").mkdir(parents=True)
    (host.root("web") / "photos").mkdir()
    with pytest.raises(Failure, match="is not removed: it holds photos"):
        release(host, Tree(str(host.root("web")), state="absent"))
    assert (host.root("web") / "photos").exists()


def test_a_root_that_cannot_be_removed_is_an_error_that_says_so(host: Systemd) -> None:
    host.root("web").parent.mkdir(parents=True)
    host.root("web").write_text("a file")
    with pytest.raises(Failure, match="could not be removed"):
        release(host, Tree(str(host.root("web")), state="absent"))


# What is refused before it begins


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", "", ".", "./a", "a//b", "a/", "..", "a/."])
def test_a_path_that_leads_out_of_the_tree_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="not a path inside a tree"):
        File(path, b"")


@pytest.mark.parametrize("root", ["/", "", "etc/x", "/etc/../x", "/etc/x/", "//etc", "/etc/./x"])
def test_a_root_that_is_no_plain_absolute_path_is_refused(root: str) -> None:
    with pytest.raises(ValueError, match="cannot be the root"):
        Tree(root, state="absent")


def test_a_unit_without_the_link_it_reads_is_refused() -> None:
    with pytest.raises(ValueError, match="needs 'live'"):
        Tree("/etc/x", unit="web")


def test_one_path_twice_in_a_tree_is_refused() -> None:
    with pytest.raises(ValueError, match="a is there more than once"):
        Tree("/etc/x", (File("a", b"1"), File("a", b"2")))


def test_a_secret_that_everybody_may_read_is_refused() -> None:
    with pytest.raises(ValueError, match="everybody may read"):
        File("token", b"hunter2", 0o644, secret=True)


@pytest.mark.parametrize("text", ["420", "644", "0999", "u=rw", "", "04755", "0644 "])
def test_a_mode_that_yaml_may_have_mangled_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="in quotes"):
        mode_of(text)
    assert mode_of("0640") == 0o640


# Looking without touching


def test_check_mode_shows_the_whole_tree_on_a_bare_host_and_writes_nothing(host: Systemd) -> None:
    before = picture(host.folder)
    result = summary(Transaction(host).look([host.tree("one")]))
    assert result["changed"]
    assert [(entry["before"], entry["after"]) for entry in result["diff"]] == [("", "listen 80\none\n")]
    assert picture(host.folder) == before and host.changing_commands() == []


def test_check_mode_foretells_what_a_run_does(host: Systemd) -> None:
    release(host, *both(host, "one", "one"))
    trees = both(host, "one", "two")
    before = picture(host.folder)
    foretold = summary(Transaction(host).look(trees))
    assert picture(host.folder) == before
    assert foretold == summary(release(host, *trees))
    assert not summary(Transaction(host).look(trees))["changed"]


SECRETS = [
    pytest.param(File("token", b"hunter2", 0o600, secret=True), File("token", b"swordfish", 0o600, secret=True), id="changed"),
    pytest.param(File("token", b"hunter2", 0o600, secret=True), None, id="removed"),
    pytest.param(File("token", b"hunter2", 0o640, secret=True), None, id="readable by a group, removed"),
    pytest.param(File("token", b"hunter2", 0o640, secret=True), File("token", b"swordfish", 0o644), id="no secret any more"),
    pytest.param(None, File("token", b"swordfish", 0o600, secret=True), id="new"),
    pytest.param(File("token", b"hunter2", 0o644), File("token", b"swordfish", 0o600, secret=True), id="a secret from now on"),
    pytest.param(File("token", b"hunter2", 0o600, secret=True), File("token", b"hunter2", 0o640, secret=True), id="another mode"),
]


@pytest.mark.parametrize(("old", "new"), SECRETS)
def test_a_secret_never_shows_in_a_diff_but_that_it_differs_does(host: Systemd, old: File | None, new: File | None) -> None:
    main = File("main.conf", b"listen 80\n")
    release(host, host.tree("", files=(main, *([old] if old else []))))
    (entry,) = summary(Transaction(host).look([host.tree("", files=(main, *([new] if new else [])))]))["diff"]
    assert not [word for word in ("hunter2", "swordfish") if word in repr(entry)]
    assert entry["before"] != entry["after"]


def test_a_secret_never_lies_on_disk_with_an_open_mode(host: Systemd, monkeypatch: pytest.MonkeyPatch) -> None:
    modes = []
    real = os.fsync

    def noted(descriptor: int) -> None:
        modes.append(os.fstat(descriptor).st_mode)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    release(host, Tree(str(host.root("x")), (File("token", b"hunter2", 0o640, secret=True),)))
    assert [oct(mode) for mode in modes if mode & 0o170000 == 0o100000] == ["0o100600"]
    assert found(host.root("x") / "current")["token"].mode == 0o640


# The machine itself


def test_a_command_that_is_missing_or_no_program_or_endless_is_an_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("plugins.module_utils.release.machine.PATIENCE", 0.2)
    machine = Machine()
    assert machine.run(["no-such-command-here"]) == (127, "there is no command no-such-command-here on this host")
    (tmp_path / "text").write_text("no program")
    assert machine.run([str(tmp_path / "text")])[0] == 126
    assert machine.run(["sleep", "5"]) == (124, "'sleep 5' did not end within 0.2 s")
    assert machine.run(["sh", "-c", "echo out; echo err >&2; exit 3"]) == (3, "out\nerr\n")
