//! What a CI job has to look at, as far as its environment tells: `keyhound history --ci`.
//!
//! A pure function of the environment and of the event file that GitHub names. It never guesses a range that could be
//! empty by mistake: where nothing tells the base, all that the commit reaches is looked at.

use serde_json::Value;

/// What to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scope {
    /// A range of commits, as `--range` takes it.
    Range(String),
    /// Everything that this commit reaches, as `--range` takes it.
    Reachable(String),
    /// A branch or tag was deleted: there is nothing new.
    Nothing,
}

/// The scope, and the service that told it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Job {
    /// The CI service.
    pub(crate) service: &'static str,
    /// What to look at.
    pub(crate) scope: Scope,
}

/// What the job is about; `None` where no CI service is known by its variables. `env` looks up a variable, `read` reads a
/// file, `has` tells whether the clone has a commit.
pub(crate) fn job(
    env: &dyn Fn(&str) -> Option<String>,
    read: &dyn Fn(&str) -> Option<String>,
    has: &dyn Fn(&str) -> bool,
) -> Option<Job> {
    let env = Env { variable: env, has };
    let services: [(&str, &str, &dyn Fn() -> Scope); 7] = [
        ("GITHUB_ACTIONS", "GitHub Actions", &|| github(&env, read)),
        ("GITLAB_CI", "GitLab CI", &|| gitlab(&env)),
        ("BUILDKITE", "Buildkite", &|| buildkite(&env)),
        ("TF_BUILD", "Azure Pipelines", &|| azure(&env)),
        ("BITBUCKET_BUILD_NUMBER", "Bitbucket Pipelines", &|| bitbucket(&env)),
        ("CIRCLECI", "CircleCI", &|| circleci(&env)),
        ("JENKINS_URL", "Jenkins", &|| jenkins(&env)),
    ];
    let is_on = |mark: &str| env.get(mark).is_some_and(|value| !is_no(&value));
    let (_, service, scope) = services.into_iter().find(|(mark, _, _)| is_on(mark))?;
    Some(Job { service, scope: scope() })
}

struct Env<'a> {
    variable: &'a dyn Fn(&str) -> Option<String>,
    has: &'a dyn Fn(&str) -> bool,
}

impl Env<'_> {
    /// A variable that is set to something.
    fn get(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.trim().is_empty())
    }

    /// The id of a commit that there is.
    fn commit(&self, name: &str) -> Option<String> {
        self.get(name).filter(|id| is_commit(id))
    }

    /// The id of what was looked at before: after a forced push the clone has it no more.
    fn before(&self, name: &str) -> Option<String> {
        self.commit(name).filter(|id| (self.has)(id))
    }

    /// The first of these, or HEAD.
    fn head(&self, names: &[&str]) -> String {
        names.iter().find_map(|name| self.commit(name)).unwrap_or_else(|| "HEAD".to_owned())
    }
}

/// Whether somebody says with a variable that it is not so.
fn is_no(value: &str) -> bool {
    ["false", "0", "no", "off"].contains(&value.trim().to_ascii_lowercase().as_str())
}

/// Not the zeros that stand for no commit.
fn is_commit(id: &str) -> bool {
    id.bytes().any(|b| b != b'0')
}

fn range(base: &str, head: &str) -> Scope {
    Scope::Range(format!("{base}..{head}"))
}

/// What a branch adds to another one of the remote repository.
fn since_branch(branch: &str, head: &str) -> Scope {
    range(&format!("origin/{}", branch.strip_prefix("refs/heads/").unwrap_or(branch)), head)
}

fn github(env: &Env<'_>, read: &dyn Fn(&str) -> Option<String>) -> Scope {
    let event = env.get("GITHUB_EVENT_PATH").and_then(|path| read(&path));
    let event: Value = event.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).filter(|text| is_commit(text));
    // The merge commit that is checked out is of GitHub's making: the request ends at its own head.
    for (base, head) in [
        ("/pull_request/base/sha", "/pull_request/head/sha"),
        ("/merge_group/base_sha", "/merge_group/head_sha"),
    ] {
        if let (Some(base), Some(head)) = (text(base), text(head)) {
            return range(base, head);
        }
    }
    let head = env.head(&["GITHUB_SHA"]);
    if let Some(base) = env.get("GITHUB_BASE_REF") {
        return since_branch(&base, &head);
    }
    if env.get("GITHUB_EVENT_NAME").is_none_or(|name| name != "push") {
        return Scope::Reachable(head);
    }
    if event["deleted"] == true {
        return Scope::Nothing;
    }
    let head = text("/after").unwrap_or(&head);
    let default = text("/repository/default_branch");
    let branch = text("/ref").and_then(|name| name.strip_prefix("refs/heads/"));
    match (text("/before"), default, branch) {
        (Some(before), _, Some(_)) if event["forced"] != true => range(before, head),
        // What was there before a forced push is not in the clone.
        (_, Some(default), Some(branch)) if branch != default => since_branch(default, head),
        _ => Scope::Reachable(head.to_owned()),
    }
}

fn gitlab(env: &Env<'_>) -> Scope {
    if let Some(base) = env.commit("CI_MERGE_REQUEST_DIFF_BASE_SHA") {
        return range(&base, &env.head(&["CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", "CI_COMMIT_SHA"]));
    }
    let head = env.head(&["CI_COMMIT_SHA"]);
    if let Some(target) = env.get("CI_MERGE_REQUEST_TARGET_BRANCH_NAME") {
        return since_branch(&target, &head);
    }
    let is_push = env.get("CI_PIPELINE_SOURCE").is_some_and(|source| source == "push");
    let Some(branch) = env.get("CI_COMMIT_BRANCH").filter(|_| is_push) else { return Scope::Reachable(head) };
    match (env.before("CI_COMMIT_BEFORE_SHA"), env.get("CI_DEFAULT_BRANCH")) {
        (Some(before), _) => range(&before, &head),
        (None, Some(default)) if default != branch => since_branch(&default, &head),
        _ => Scope::Reachable(head),
    }
}

fn buildkite(env: &Env<'_>) -> Scope {
    let head = env.head(&["BUILDKITE_COMMIT"]);
    let is_default = |branch: &String| env.get("BUILDKITE_BRANCH").is_none_or(|own| own == *branch);
    let default = env.get("BUILDKITE_PIPELINE_DEFAULT_BRANCH").filter(|branch| !is_default(branch));
    let default = default.filter(|_| env.get("BUILDKITE_TAG").is_none());
    match env.get("BUILDKITE_PULL_REQUEST_BASE_BRANCH").or(default) {
        Some(base) => since_branch(&base, &head),
        None => Scope::Reachable(head),
    }
}

fn azure(env: &Env<'_>) -> Scope {
    match env.get("SYSTEM_PULLREQUEST_TARGETBRANCH") {
        Some(target) => {
            since_branch(&target, &env.head(&["SYSTEM_PULLREQUEST_SOURCECOMMITID", "BUILD_SOURCEVERSION"]))
        }
        None => Scope::Reachable(env.head(&["BUILD_SOURCEVERSION"])),
    }
}

fn bitbucket(env: &Env<'_>) -> Scope {
    let head = env.head(&["BITBUCKET_COMMIT"]);
    if let Some(base) = env.commit("BITBUCKET_PR_DESTINATION_COMMIT") {
        return range(&base, &head);
    }
    match env.get("BITBUCKET_PR_DESTINATION_BRANCH") {
        Some(base) => since_branch(&base, &head),
        None => Scope::Reachable(head),
    }
}

/// Its environment has no base: `<< pipeline.git.base_revision >>` is known to its configuration alone, for `--range`.
fn circleci(env: &Env<'_>) -> Scope {
    Scope::Reachable(env.head(&["CIRCLE_SHA1"]))
}

fn jenkins(env: &Env<'_>) -> Scope {
    let head = env.head(&["GIT_COMMIT"]);
    if let Some(target) = env.get("CHANGE_TARGET") {
        return since_branch(&target, &head);
    }
    // Of the last build that passed: what came since then has not passed yet.
    match env.before("GIT_PREVIOUS_SUCCESSFUL_COMMIT") {
        Some(base) if base != head => range(&base, &head),
        _ => Scope::Reachable(head),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What variables, with the content of the event file as `EVENT`, come to.
    fn of(variables: &str, event: &str) -> Option<String> {
        let env = |name: &str| {
            let found = variables.split(' ').filter_map(|pair| pair.split_once('='));
            found.filter(|(n, _)| *n == name).map(|(_, value)| value.to_owned()).next()
        };
        let job = job(&env, &|path| (path == "/event").then(|| event.to_owned()), &|id| id != "gone")?;
        Some(match job.scope {
            Scope::Range(range) => range,
            Scope::Reachable(head) => format!("all {head}"),
            Scope::Nothing => "nothing".to_owned(),
        })
    }

    #[test]
    fn github_tells_by_its_event() {
        let push = "GITHUB_ACTIONS=true GITHUB_EVENT_PATH=/event GITHUB_EVENT_NAME=push GITHUB_SHA=c3";
        let pull = "GITHUB_ACTIONS=true GITHUB_EVENT_PATH=/event GITHUB_EVENT_NAME=pull_request GITHUB_BASE_REF=main GITHUB_SHA=m9";
        let feature = r#""after":"a2","ref":"refs/heads/feature","repository":{"default_branch":"main"}"#;
        let main = feature.replace("heads/feature", "heads/main");
        let tag = feature.replace("heads/feature", "tags/v1");
        for (variables, event, expected) in [
            (pull, r#"{"pull_request":{"base":{"sha":"b1"},"head":{"sha":"a2"}}}"#.to_owned(), "b1..a2"),
            (pull, "{}".to_owned(), "origin/main..m9"),
            (pull, "no JSON".to_owned(), "origin/main..m9"),
            (push, format!(r#"{{"before":"b1",{feature}}}"#), "b1..a2"),
            (push, format!(r#"{{"before":"b1","forced":true,{feature}}}"#), "origin/main..a2"),
            (push, format!(r#"{{"before":"b1","forced":true,{main}}}"#), "all a2"),
            (push, format!(r#"{{"before":"0000",{feature}}}"#), "origin/main..a2"),
            (push, format!(r#"{{"before":"0000",{main}}}"#), "all a2"),
            (push, format!(r#"{{"before":"0000",{tag}}}"#), "all a2"),
            (push, format!(r#"{{"before":"b1",{tag}}}"#), "all a2"),
            (push, r#"{"before":"b1","after":"0000","deleted":true}"#.to_owned(), "nothing"),
            (push, "{}".to_owned(), "all c3"),
            (
                "GITHUB_ACTIONS=true GITHUB_EVENT_PATH=/event GITHUB_EVENT_NAME=merge_group",
                r#"{"merge_group":{"base_sha":"b1","head_sha":"a2"}}"#.to_owned(),
                "b1..a2",
            ),
            ("GITHUB_ACTIONS=true GITHUB_EVENT_NAME=schedule GITHUB_SHA=c3", String::new(), "all c3"),
            ("GITHUB_ACTIONS=true", String::new(), "all HEAD"),
        ] {
            assert_eq!(of(variables, &event).as_deref(), Some(expected), "{variables} {event}");
        }
    }

    #[test]
    fn the_others_tell_by_their_variables() {
        for (variables, expected) in [
            ("GITLAB_CI=true CI_MERGE_REQUEST_DIFF_BASE_SHA=b1 CI_COMMIT_SHA=c3", "b1..c3"),
            (
                "GITLAB_CI=true CI_MERGE_REQUEST_DIFF_BASE_SHA=b1 CI_MERGE_REQUEST_SOURCE_BRANCH_SHA=a2 CI_COMMIT_SHA=m9",
                "b1..a2",
            ),
            ("GITLAB_CI=true CI_MERGE_REQUEST_TARGET_BRANCH_NAME=main CI_COMMIT_SHA=c3", "origin/main..c3"),
            (
                "GITLAB_CI=true CI_PIPELINE_SOURCE=push CI_COMMIT_BRANCH=x CI_COMMIT_BEFORE_SHA=b1 CI_COMMIT_SHA=c3",
                "b1..c3",
            ),
            (
                "GITLAB_CI=true CI_PIPELINE_SOURCE=push CI_COMMIT_BRANCH=x CI_COMMIT_BEFORE_SHA=0000 CI_COMMIT_SHA=c3 CI_DEFAULT_BRANCH=main",
                "origin/main..c3",
            ),
            (
                "GITLAB_CI=true CI_PIPELINE_SOURCE=push CI_COMMIT_BRANCH=main CI_COMMIT_BEFORE_SHA=0000 CI_COMMIT_SHA=c3 CI_DEFAULT_BRANCH=main",
                "all c3",
            ),
            (
                "GITLAB_CI=true CI_PIPELINE_SOURCE=push CI_COMMIT_BRANCH=x CI_COMMIT_BEFORE_SHA=gone CI_COMMIT_SHA=c3 CI_DEFAULT_BRANCH=main",
                "origin/main..c3",
            ),
            (
                "GITLAB_CI=true CI_PIPELINE_SOURCE=push CI_COMMIT_BRANCH=main CI_COMMIT_BEFORE_SHA=gone CI_COMMIT_SHA=c3 CI_DEFAULT_BRANCH=main",
                "all c3",
            ),
            (
                "GITLAB_CI=true CI_PIPELINE_SOURCE=schedule CI_COMMIT_BRANCH=x CI_COMMIT_BEFORE_SHA=b1 CI_COMMIT_SHA=c3",
                "all c3",
            ),
            ("GITLAB_CI=true CI_PIPELINE_SOURCE=push CI_COMMIT_TAG=v1 CI_COMMIT_SHA=c3", "all c3"),
            ("BUILDKITE=true BUILDKITE_PULL_REQUEST_BASE_BRANCH=main BUILDKITE_COMMIT=c3", "origin/main..c3"),
            (
                "BUILDKITE=true BUILDKITE_BRANCH=x BUILDKITE_PIPELINE_DEFAULT_BRANCH=main BUILDKITE_COMMIT=HEAD",
                "origin/main..HEAD",
            ),
            (
                "BUILDKITE=true BUILDKITE_BRANCH=main BUILDKITE_PIPELINE_DEFAULT_BRANCH=main BUILDKITE_COMMIT=c3",
                "all c3",
            ),
            (
                "BUILDKITE=true BUILDKITE_BRANCH=v1 BUILDKITE_TAG=v1 BUILDKITE_PIPELINE_DEFAULT_BRANCH=main",
                "all HEAD",
            ),
            (
                "TF_BUILD=True SYSTEM_PULLREQUEST_TARGETBRANCH=refs/heads/main BUILD_SOURCEVERSION=m9 SYSTEM_PULLREQUEST_SOURCECOMMITID=a2",
                "origin/main..a2",
            ),
            ("TF_BUILD=True BUILD_SOURCEVERSION=c3", "all c3"),
            ("BITBUCKET_BUILD_NUMBER=1 BITBUCKET_PR_DESTINATION_COMMIT=b1 BITBUCKET_COMMIT=c3", "b1..c3"),
            (
                "BITBUCKET_BUILD_NUMBER=1 BITBUCKET_PR_DESTINATION_BRANCH=main BITBUCKET_COMMIT=c3",
                "origin/main..c3",
            ),
            ("BITBUCKET_BUILD_NUMBER=1 BITBUCKET_COMMIT=c3", "all c3"),
            ("CIRCLECI=true CIRCLE_BRANCH=x CIRCLE_SHA1=c3", "all c3"),
            ("JENKINS_URL=x CHANGE_TARGET=main GIT_COMMIT=c3", "origin/main..c3"),
            ("JENKINS_URL=x GIT_PREVIOUS_SUCCESSFUL_COMMIT=b1 GIT_COMMIT=c3", "b1..c3"),
            ("JENKINS_URL=x GIT_PREVIOUS_SUCCESSFUL_COMMIT=c3 GIT_COMMIT=c3", "all c3"),
            ("JENKINS_URL=x GIT_PREVIOUS_SUCCESSFUL_COMMIT=gone GIT_COMMIT=c3", "all c3"),
            ("JENKINS_URL=x", "all HEAD"),
        ] {
            assert_eq!(of(variables, "").as_deref(), Some(expected), "{variables}");
        }
        for none in ["HOME=x CI=true", "GITHUB_ACTIONS=false", "GITLAB_CI=0 TF_BUILD=False"] {
            assert_eq!(of(none, ""), None, "{none}");
        }
        assert_eq!(of("GITHUB_ACTIONS=false GITLAB_CI=true CI_COMMIT_SHA=c3", "").as_deref(), Some("all c3"));
    }
}
