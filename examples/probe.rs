fn main() {
    let d = keyhound::detect::Detector::new(std::sync::Arc::new(keyhound::rules::RuleSet::embedded()));
    let mut out = vec![];
    let mut stack: Vec<std::path::PathBuf> = std::env::args().skip(1).map(Into::into).collect();
    while let Some(p) = stack.pop() {
        if p.is_dir() { for e in std::fs::read_dir(&p).unwrap() { stack.push(e.unwrap().path()); } continue; }
        let t = std::fs::read(&p).unwrap();
        for m in d.detect(&t) {
            let line = t[..m.span().start].iter().filter(|&&b| b == b'\n').count() + 1;
            out.push(serde_json::json!({"path": p.to_str(), "line": line, "key_id": m.id.as_ref().map(|v| v.text.expose()), "secret": m.secret.as_ref().map(|v| v.text.expose()), "session_token": m.token.as_ref().map(|v| v.text.expose()), "severity": m.severity.name(), "rule": d.rules().rules[m.rule].id.to_string(), "notes": format!("{:?}", m.notes)}));
        }
    }
    println!("{}", serde_json::json!({"findings": out}));
}
