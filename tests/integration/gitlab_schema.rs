//! What GitLab's schema for secret detection, 15.0.7, asks of the fields that a report has. The schema itself is in no registry.

use serde_json::{Value, json};

/// The schema.
pub(crate) fn schema() -> Value {
    let text = json!({"type": "string", "minLength": 1});
    let object = |required: &[&str], properties: Value| json!({"type": "object", "required": required, "properties": properties});
    let time = json!({"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}$"});
    let vendor = object(&["name"], json!({"name": text}));
    let program = object(
        &["id", "name", "version", "vendor"],
        json!({"id": text, "name": text, "version": text, "vendor": vendor, "url": {"type": "string", "pattern": "^https?://.+"}}),
    );
    let message =
        object(&["level", "value"], json!({"level": {"enum": ["info", "warn", "fatal"]}, "value": text}));
    let scan = object(
        &["analyzer", "end_time", "scanner", "start_time", "status", "type"],
        json!({
            "analyzer": program, "scanner": program, "start_time": time, "end_time": time,
            "messages": {"type": "array", "items": message},
            "status": {"enum": ["success", "failure"]}, "type": {"const": "secret_detection"},
        }),
    );
    let url = json!({"type": "string", "pattern": "^(https?|ftp)://.+"});
    let identifier =
        object(&["type", "name", "value"], json!({"type": text, "name": text, "value": text, "url": url}));
    let link = object(&["url"], json!({"name": {"type": "string"}, "url": url}));
    let commit = object(
        &["sha"],
        json!({"sha": text, "author": {"type": "string"}, "date": {"type": "string"}, "message": {"type": "string"}}),
    );
    let line = json!({"type": "number"});
    let location = object(
        &["commit"],
        json!({"commit": commit, "file": {"type": "string"}, "start_line": line, "end_line": line}),
    );
    let vulnerability = object(
        &["id", "identifiers", "location"],
        json!({
            "id": text, "name": {"type": "string", "maxLength": 255},
            "description": {"type": "string", "maxLength": 1_048_576},
            "severity": {"enum": ["Info", "Unknown", "Low", "Medium", "High", "Critical"]},
            "solution": {"type": "string", "maxLength": 7000},
            "identifiers": {"type": "array", "minItems": 1, "items": identifier},
            "links": {"type": "array", "items": link},
            "location": location, "raw_source_code_extract": {"type": "string"},
        }),
    );
    object(
        &["scan", "version", "vulnerabilities"],
        json!({"scan": scan, "version": {"const": "15.0.7"}, "vulnerabilities": {"type": "array", "items": vulnerability}}),
    )
}
