"""More traps for the gate, for make.py: what a commit or a range adds, where the index, the history or git's own settings
make that hard to tell. Importing this registers them."""
import os

from make import ALNUM, require, scenario


def start(t, files=None, *init):
    """A repository with one commit."""
    repo = t.repo("", *init)
    repo.commit("start", files or {"README": t.prose(3)})
    return repo


# ---------------------------------------------------------------------------------------------------------------------
# Staged


@scenario("staged")
def staged_filter_hides(t):
    """A clean filter and a textconv that print nothing are configured for the file: neither is run, the blob that is
    staged is read, so reported."""
    repo, key = start(t, {".gitattributes": "*.env filter=hide diff=hide\n"}), t.key()
    blob = repo.git("hash-object", "-w", "--stdin", "--no-filters", data=key.ini()).decode().strip()
    repo.git("update-index", "--add", "--cacheinfo", f"100644,{blob},app.env")
    for setting in ("filter.hide.clean", "filter.hide.smudge", "diff.hide.textconv"):
        repo.git("config", setting, "touch ran; true")
    repo.leak(key, "app.env", where="index")


@scenario("staged")
def staged_assume_unchanged(t):
    """The leaking entry is marked assume-unchanged and another skip-worktree, which hides both from `git status`: they
    are in the index and will be committed, so both are reported."""
    repo, one, two = start(t, {"a.ini": "a\n", "b.ini": "b\n"}), t.key(), t.key()
    repo.stage({"a.ini": one.ini(), "b.ini": two.ini()})
    repo.git("update-index", "--assume-unchanged", "a.ini")
    repo.git("update-index", "--skip-worktree", "b.ini")
    repo.leak(one, "a.ini", where="index")
    repo.leak(two, "b.ini", where="index")


@scenario("staged")
def staged_sparse_index(t):
    """The index is sparse: a folder outside of the cone is one entry. A leak is staged inside the cone, and one outside of
    it in a folder that the entry stands for: both are reported."""
    repo, inside, outside = start(t, {"in/a.txt": t.prose(3), "out/b.txt": t.prose(3)}), t.key(), t.key()
    repo.git("sparse-checkout", "set", "--cone", "--sparse-index", "in")
    blob = repo.git("hash-object", "-w", "--stdin", data=outside.ini()).decode().strip()
    repo.git("update-index", "--add", "--cacheinfo", f"100644,{blob},out/new.ini")
    repo.write({"in/a.ini": inside.ini()})
    repo.git("add", "in/a.ini")
    repo.leak(inside, "in/a.ini", where="index")
    repo.leak(outside, "out/new.ini", where="index")


@scenario("staged")
def staged_split_index(t):
    """The index is split: the leaking entry is in the shared part, a later one in the other: both are reported."""
    repo, one, two = start(t), t.key(), t.key()
    repo.stage({"one.ini": one.ini()})
    repo.git("update-index", "--split-index")
    repo.stage({"two.ini": two.ini()})
    require(list((repo.path / ".git").glob("sharedindex.*")), "the index is not split")
    repo.leak(one, "one.ini", where="index")
    repo.leak(two, "two.ini", where="index")


@scenario("staged")
def staged_sha256(t):
    """A SHA-256 repository, whose index and objects have longer ids: reported."""
    repo, key = start(t, None, "--object-format=sha256"), t.key()
    repo.stage({"config.ini": key.ini()})
    repo.leak(key, "config.ini", where="index")


@scenario("staged", git=(2, 45))
def staged_reftable(t):
    """The refs are in a reftable, and the file HEAD names nothing that is there: HEAD's version of the file is known all
    the same, so the new key alone is reported."""
    old, key = t.key(), t.key()
    repo = start(t, {"config.ini": old.ini()}, "--ref-format=reftable")
    repo.stage({"config.ini": old.ini() + key.ini()})
    repo.leak(key, "config.ini", where="index")


@scenario("staged")
def staged_copy(t):
    """A leaking file is copied: HEAD has the key, but not at that path, and the copy is one more place to clean, so
    reported."""
    repo, key = t.repo(), t.key()
    repo.commit("start", {"old.ini": key.ini()})
    repo.stage({"copy.ini": key.ini()})
    repo.leak(key, "copy.ini", where="index")


@scenario("staged")
def staged_file_becomes_folder(t):
    """A file becomes a folder that holds a leaking file of the same name: reported at its new path."""
    repo, key = start(t, {"config": "region = eu-west-1\n"}), t.key()
    repo.stage({"config": None})
    repo.stage({"config/config": key.ini()})
    repo.leak(key, "config/config", where="index")


@scenario("staged")
def staged_link_target(t):
    """The target of a symbolic link is a URL with the pair: git stores it as content, so reported."""
    repo, key = start(t), t.key(alphabet=ALNUM)
    os.symlink(f"/mnt/s3?aws_access_key_id={key.id}&aws_secret_access_key={key.secret}", repo.path / "link")
    repo.git("add", "link")
    repo.leak(key, "link", where="symlink", line=1)


@scenario("staged")
def staged_submodule(t):
    """A submodule whose own history leaks is added: the link to it is no content of this commit, so nothing is
    reported."""
    inner = t.repo("inner")
    inner.commit("configure", {"config.ini": t.key().ini()})
    outer = t.repo("outer")
    outer.commit("start", {"README": t.prose(3)})
    outer.git("submodule", "--quiet", "add", f"file://{inner.path.resolve()}", "sub")
    t.scan(outer)


@scenario("staged")
def staged_key_moves_between_files(t):
    """The commit takes the pair out of one file and puts it into another that was there: nothing is added that HEAD does
    not hold, so it passes."""
    repo, key = t.repo(), t.key()
    repo.commit("start", {"old.ini": key.ini() + "x = 1\n", "new.ini": "y = 2\n"})
    repo.stage({"old.ini": "x = 1\n", "new.ini": "y = 2\n" + key.ini()})


@scenario("staged")
def staged_conflict_of_deleted(t):
    """A conflict where one side deleted the file and the other put a key into it: the index has stages 1 and 3 alone, and
    stage 3 is reported."""
    repo, key = start(t, {"config.ini": "region = eu-west-1\n"}), t.key()
    repo.branch("theirs")
    repo.commit("theirs", {"config.ini": "region = eu-west-1\n" + key.ini()})
    repo.git("switch", "--quiet", "main")
    repo.commit("ours", {"config.ini": None})
    repo.git("merge", "--quiet", "theirs", codes=(1,))
    require(len(repo.git("ls-files", "--unmerged").splitlines()) == 2, "there is no conflict")
    repo.leak(key, "config.ini", where="index", line=3)


# ---------------------------------------------------------------------------------------------------------------------
# Range


@scenario("range")
def range_octopus(t):
    """A merge of three branches in the range is itself clean, and one of the branches leaked and cleaned up: its commit is
    reported."""
    repo, key = start(t), t.key()
    base = repo.id("HEAD")
    bad = None
    for n in range(3):
        repo.git("switch", "--quiet", "--create", f"side{n}", base)
        commit = repo.commit(f"side {n}", {f"side{n}.txt": key.ini() if n == 1 else t.prose(3)})
        if n == 1:
            bad = commit
            repo.commit("clean up", {"side1.txt": t.prose(3)})
    repo.git("switch", "--quiet", "--create", "all", base)
    repo.git("merge", "--quiet", "-m", "merge all", "side0", "side1", "side2")
    head = repo.id("HEAD")
    require(len(repo.git("rev-list", "--parents", "-n1", head).split()) == 4, "the merge is no octopus")
    t.scan(repo, between=(base, head))
    repo.leak(key, "side1.txt", bad)


@scenario("range")
def range_reverted_clean_up(t):
    """The key was added and removed before A, and the range brings it back by reverting the clean-up: A's version lacks
    it, so the revert is reported."""
    repo, key = start(t), t.key()
    repo.commit("configure", {"config.ini": key.ini()})
    base = repo.clean("config.ini")
    repo.git("revert", "--no-edit", "HEAD")
    bad = repo.id("HEAD")
    t.scan(repo, between=(base, bad))
    repo.leak(key, "config.ini", bad)


@scenario("range")
def range_rename(t):
    """The range renames a file that leaked before A, and changes its prose: nothing is added, so it passes."""
    repo, key = t.repo(), t.key()
    base = repo.commit("configure", {"old.ini": key.ini() + t.prose(30)})
    head = repo.commit("rename", {"old.ini": None, "new.ini": key.ini() + t.prose(31)})
    t.scan(repo, between=(base, head))


@scenario("range")
def range_replace_ref(t):
    """A replace ref makes git show a clean commit in place of the leaking one: it is not pushed along, so reported."""
    repo, key = start(t), t.key()
    base = repo.id("HEAD")
    bad = repo.commit("configure", {"config.ini": key.ini()})
    repo.branch("clean", base)
    clean = repo.commit("harmless", {"README": t.prose(4)})
    repo.git("switch", "--quiet", "main")
    head = repo.clean("config.ini")
    repo.git("replace", bad, clean)
    t.scan(repo, between=(base, head))
    repo.leak(key, "config.ini", bad)


@scenario("range")
def range_unrelated_histories(t):
    """The range merges a history without a common root, whose first commit leaks: it has no parent, and is reported."""
    repo, key = start(t), t.key()
    base = repo.id("HEAD")
    repo.git("switch", "--quiet", "--orphan", "other")
    bad = repo.commit("import", {"config.ini": key.ini()})
    repo.commit("clean up", {"config.ini": None, "other.txt": t.prose(3)})
    repo.git("switch", "--quiet", "main")
    repo.git("merge", "--quiet", "--allow-unrelated-histories", "-m", "merge other", "other")
    t.scan(repo, between=(base, repo.id("HEAD")))
    repo.leak(key, "config.ini", bad)


@scenario("range")
def range_secret_completes_pair(t):
    """Before A the file had the id, a commit of the range adds the secret and the next removes it: the pair is reported at
    the commit that completed it."""
    repo, key = t.repo(), t.key()
    base = repo.commit("start", {"config.ini": f"[default]\naws_access_key_id = {key.id}\n"})
    bad = repo.commit("configure", {"config.ini": key.ini()})
    head = repo.commit("clean up", {"config.ini": "[default]\n"})
    t.scan(repo, between=(base, head))
    repo.leak(key, "config.ini", bad)


@scenario("range")
def range_diff_attribute(t):
    """The files of the range are marked -diff, so `git log -p` prints no content: reported."""
    repo, key = start(t, {".gitattributes": "* -diff\n"}), t.key()
    base = repo.id("HEAD")
    bad = repo.commit("configure", {"config.ini": key.ini()})
    t.scan(repo, between=(base, bad))
    repo.leak(key, "config.ini", bad)


@scenario("range")
def range_file_name(t):
    """A commit of the range adds a file whose name holds an id, and the next removes it: reported as a path."""
    repo, key = start(t), t.key()
    base = repo.id("HEAD")
    path = f"keys/{key.id}.txt"
    bad = repo.commit("add", {path: t.prose(1)})
    head = repo.clean(path)
    t.scan(repo, between=(base, head))
    repo.leak(key.alone(), path, bad, "path")


@scenario("range")
def range_base_on_another_branch(t):
    """A is no ancestor of B: main went on after the branch parted, and leaked: the range is what B has and A has not, so
    the branch's key alone is reported."""
    repo, key = start(t), t.key()
    repo.branch("feature")
    bad = repo.commit("configure", {"feature.ini": key.ini()})
    repo.git("switch", "--quiet", "main")
    base = repo.commit("main", {"main.ini": t.key().ini()})
    t.scan(repo, between=(base, bad))
    repo.leak(key, "feature.ini", bad)


@scenario("range")
def range_cherry_picked(t):
    """A holds the key in that file already, by another commit; the branch adds the same by a cherry-pick: nothing that A's
    side lacks, so it passes."""
    repo, key = start(t), t.key()
    root = repo.id("HEAD")
    base = repo.commit("configure", {"config.ini": key.ini()})
    repo.git("switch", "--quiet", "--create", "feature", root)
    repo.commit("work", {"work.txt": t.prose(3)})
    repo.git("cherry-pick", base)
    t.scan(repo, between=(base, repo.id("HEAD")))


@scenario("range")
def range_clock_runs_backwards(t):
    """The commits of the range are dated years before A, as after a rebase on a machine with a wrong clock: the range is
    told by parents, so reported."""
    repo, key = start(t), t.key()
    base = repo.id("HEAD")
    t.clock -= 500_000_000
    bad = repo.commit("configure", {"config.ini": key.ini()})
    head = repo.clean("config.ini")
    t.scan(repo, between=(base, head))
    repo.leak(key, "config.ini", bad)


@scenario("range")
def range_partial_clone(t):
    """A clone without blobs: the content of the range is not there, so the scan is incomplete, never "clean"."""
    origin = t.repo("origin")
    origin.git("config", "uploadpack.allowFilter", "true")
    base = origin.commit("start", {"README": t.prose(3)})
    origin.commit("configure", {"config.ini": t.key().ini()})
    head = origin.clean("config.ini")
    repo = t.clone(origin, "clone", "--filter=blob:none", "--no-checkout")
    t.scan(repo, incomplete=True, between=(base, head))
