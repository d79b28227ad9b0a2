const KEY: &str = "AKIAPIX6EA6QOM66ZJOJ";
const REGION: &str = "us-east-1";
const SECRET: &str = "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";
