use super::*;

fn find_in(text: &str, label: &str) -> Option<usize> {
    find(&words(text.as_bytes()), label).map(|(last, _)| last)
}

#[test]
fn the_name_of_an_id_is_read_without_signs_too() {
    let named = |text: &str| of_id(text.as_bytes(), 0, text.len()..text.len());
    for text in ["JENKINS_ACCESSKEY=", "jenkins.accesskeyid: ", "ACCESS_KEY_JENKINS="] {
        assert_eq!(named(text).affix, ["jenkins"], "{text}");
    }
    assert_eq!(named("JENKINS_SECRETACCESSKEY="), IdName::default());
}

#[test]
fn a_name_is_its_words_whatever_separates_them() {
    for text in [
        "aws_secret_access_key = '",
        "AWS_SECRET_ACCESS_KEY=",
        "secretAccessKey:`",
        "\"SecretAccessKey\": \"",
        "Secret Access Key: ",
        "fs.s3a.secret-access.key=",
        "secretaccesskey ",
        "myawssecretaccesskey=",
    ] {
        assert!(find_in(text, "secret access key").is_some(), "{text}");
    }
    assert_eq!(find_in("AWSSecretKey", "secret key"), Some(2));
    assert_eq!(find_in("shadow ", "sha"), None);
    assert_eq!(find_in("sha: x commit: ", "commit"), Some(2));
}

fn read_as(text: &str) -> Label {
    read_span(text, text.len()..text.len())
}

fn read_at(text: &str, at: usize) -> Label {
    read_span(text, at..at + 1)
}

fn read_span(text: &str, span: Range<usize>) -> Label {
    let rules = crate::rules::RuleSet::embedded();
    let rule = rules.get("aws-secret-access-key").expect("it is there");
    read(text.as_bytes(), 0, span, rule.secret.as_ref().expect("it has one"))
}

#[test]
fn a_name_may_go_on_with_the_stage_it_is_for() {
    for text in ["AWS_SECRET_ACCESS_KEY_PROD=", "awsSecretAccessKeyStaging: '", "secret-access-key-old = "] {
        assert!(read_as(text).alone, "{text}");
    }
    for text in
        ["AWS_SECRET_ACCESS_KEY_HASH=", "AWS_SECRET_ACCESS_KEY_VAULT_PATH=", "aws_secret_access_key prod = "]
    {
        assert!(!read_as(text).alone, "{text}");
    }
    let id = "KEY_ID_PROD=";
    assert_eq!(of_id(id.as_bytes(), 0, id.len()..id.len()).affix, ["prod"]);
    assert_eq!(read_as("SECRET_ACCESS_KEY_PROD=").affix, ["prod"]);
}

#[test]
fn a_description_does_not_part_a_name_from_its_value() {
    let long = "what it is for and who may use it, ".repeat(4);
    for text in [
        format!("variable \"aws_secret_access_key\" {{\n  description = \"{long}\"\n  default = \""),
        format!("  AwsSecretAccessKey:\n    Type: String\n    Description: {long}\n    Default: "),
        format!("\"aws_secret_access_key\": {{\"description\": \"{long}\", \"value\": \""),
    ] {
        assert!(read_as(&text).alone, "{text}");
    }
    // It is no name either.
    assert_eq!(read_as("description = \"the aws secret access key\"\nx = ").says, Says::Nothing);
}

#[test]
fn what_another_value_is_says_nothing_of_a_named_one() {
    assert_eq!(read_as("signature: v4\naws_secret = ").says, Says::Yes);
    assert_eq!(read_as("signature: v4\nkey = ").says, Says::Nothing);
    assert_eq!(read_as("signature:\n  ").says, Says::No);
    assert_eq!(read_as("key_signature = ").says, Says::No);
    assert_eq!(read_as("GS_SECRET_ACCESS_KEY=").says, Says::No);
    assert_eq!(read_as("LOGS_SECRET_ACCESS_KEY=").says, Says::Yes);
    assert_eq!(read_as("type: gs\nsecret_access_key: ").says, Says::Yes);
}

#[test]
fn secrets_of_other_services_are_known_by_their_names() {
    for text in ["DB_PASSWORD_SECRET=", "twitterConsumerSecret: ", "JWT_SECRET=", "CLOUDFLARE_API_TOKEN="] {
        assert!(read_as(text).foreign, "{text}");
    }
    for text in ["DB_AWS_SECRET=", "github_s3_secret_key: ", "SECRET_ACCESS_KEY=", "MEDIA_SECRET=", ""] {
        assert!(!read_as(text).foreign, "{text}");
    }
}

#[test]
fn an_argument_names_nothing() {
    assert_eq!(read_as("\", \"sha256\", \"").says, Says::Nothing);
    assert_eq!(read_as("put(\"sha256\", \"").says, Says::No);
    assert_eq!(read_as("put(\"hash\", \"md5\");\nput(\"key\", \"").says, Says::Nothing);
    assert_eq!(read_as("put(\"hash\", \"md5\");\nput(\"aws_secret\", \"").says, Says::Yes);
}

#[test]
fn the_head_of_another_token_makes_it_that() {
    for text in ["SECRET_KEY = 'django-insecure-", "mapbox: pk.", "x = xoxb-12-"] {
        assert_eq!(read_as(text).says, Says::No, "{text}");
    }
    for text in ["- ", "aws_secret-", "secret: -", "x = _"] {
        assert_ne!(read_as(text).says, Says::No, "{text}");
    }
}

#[test]
fn a_name_may_stand_behind() {
    let part = crate::rules::RuleSet::embedded();
    let part = part.get("aws-secret-access-key").expect("it is there").secret.as_ref().expect("it has one");
    for (text, says) in [
        ("<value>@</value>\n<name>fs.s3a.secret.key</name>", Says::Yes),
        ("{\"value\": \"@\", \"name\": \"AWS_SECRET_ACCESS_KEY\"}", Says::Yes),
        ("<name>region</name><value>@</value><name>fs.s3a.secret.key</name>", Says::Nothing),
        ("{\"x\": \"@\", \"name\": \"AWS_SECRET_ACCESS_KEY\"}", Says::Other),
    ] {
        let at = text.find('@').unwrap();
        let found = read(text.as_bytes(), 0, at..at + 1, part).says;
        assert_eq!(found == Says::Yes, says == Says::Yes, "{text}");
    }
    let id = "\"name\": \"PROD_KEY\"}, {\"value\": \"@\", \"name\": \"OLD_KEY\"}";
    let at = id.find('@').unwrap();
    assert_eq!(of_id(id.as_bytes(), 0, at..at + 1).affix, ["old"]);
}

#[test]
fn the_affix_tells_which_key_it_is() {
    let words_of = |t: &str| {
        let w = words(t.as_bytes());
        let last = w.iter().rposition(|w| w.text == "secret").unwrap();
        affix(&w[name(t.as_bytes(), &w, last)])
    };
    assert_eq!(words_of("PROD_AWS_SECRET_ACCESS_KEY="), ["prod"]);
    assert_eq!(words_of("x = 1; stagingSecretKey2 = "), ["2", "staging"]);
    assert!(words_of("aws_secret_access_key = ").is_empty());
}

#[test]
fn mistyped_words_are_read_as_they_were_meant() {
    for text in
        ["AWS_SECERT_ACCESS_KEY=", "AWS_SECRET_ACESS_KEY=", "awsSecretAcccessKey: ", "AWS_SECRECT_ACCES_KEY="]
    {
        assert!(find_in(text, "secret access key").is_some(), "{text}");
    }
    for text in ["excess", "accept", "assess", "secrete", "sacred", "server", "socket"] {
        assert_eq!(words(text.as_bytes())[0].text, text);
    }
}

#[test]
fn a_command_may_name_what_it_stores() {
    for text in [
        "echo @ | gh secret set AWS_SECRET_KEY",
        "$ echo -n '@' | docker secret create aws_secret_key -",
        "printf '%s' \"@\" | tr -d x | wrangler secret put AWS_SECRET_KEY\nx",
        "echo @ | vault kv put secret/aws aws_secret_key=-",
        "gh secret set --body \"@\" AWS_SECRET_KEY",
        "aws ssm put-parameter --value '@' --type SecureString --name /prod/aws_secret_key",
        "gh secret set AWS_SECRET_KEY --body '@'",
        "x && gh secret set --repo a/b --body @ AWS_SECRET_KEY",
        "UPDATE t SET value = '@' WHERE `name` = 'aws_secret_key';",
        "aws secretsmanager create-secret --secret-string=@ \\\n  --name=aws_secret_key --region x",
    ] {
        let at = text.find('@').expect("it is there");
        assert_eq!(read_at(text, at).says, Says::Yes, "{text}");
    }
    for text in [
        "echo @ | base64\ngh secret set AWS_SECRET_KEY",
        "put --value @ --name\nAWS_SECRET_KEY",
        "put --name X --value @; set AWS_SECRET_KEY",
        "gh secret set NPM --body '@'",
        "UPDATE t SET value = '@' WHERE id = 'aws_secret_key';",
    ] {
        let at = text.find('@').expect("it is there");
        assert_ne!(read_at(text, at).says, Says::Yes, "{text}");
    }
}
