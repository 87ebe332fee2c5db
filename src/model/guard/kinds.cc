// The detectors that need no configuration.
#include <array>

#include "model/guard/checksums.h"
#include "model/guard/detector.h"

namespace acloud::model::guard {
namespace {

#define ACLOUD_WORD "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

constexpr std::string_view kToken = ACLOUD_WORD "_-";
constexpr std::string_view kTokenParts = ACLOUD_WORD "_-.";
// The lines of a key, also where JSON has them in a string, and its last line up to a blank.
constexpr std::string_view kLines = ACLOUD_WORD "+/=-\\\r\n";

#undef ACLOUD_WORD

constexpr std::array<Kind, 16> kKinds{{
    {"private_key", "secrets",
     R"(-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:[\s\\rn]{1,4}[A-Za-z-]{1,20}: [^\n\\]{1,80}){0,4})",
     kLines, nullptr, "RFC 7468, section 10 and 11; RFC 9580, section 6.2"},
    {"aws_access_key", "secrets", R"(\b(?:AKIA|ASIA)[A-Z2-7]{16}\b)", "", nullptr,
     "AWS IAM User Guide, IAM identifiers, unique ID prefixes"},
    {"github_token", "secrets", R"(\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{36}))", kToken,
     nullptr, "GitHub Docs, About authentication to GitHub, token formats"},
    {"gitlab_token", "secrets", R"(\bgl(?:pat|dt|rt|cbt|ptt|ft|soat|agent)-[A-Za-z0-9_-]{20})", kToken,
     nullptr, "GitLab Docs, GitLab token overview, token prefixes"},
    {"slack_token", "secrets", R"(\bxox[abeoprs]-[A-Za-z0-9-]{10})", kToken, nullptr,
     "Slack API, Tokens, token types"},
    {"stripe_key", "secrets", R"(\b[rs]k_(?:live|test)_[A-Za-z0-9]{16})", kToken, nullptr,
     "Stripe Docs, API keys"},
    {"google_api_key", "secrets", R"(\bAIza[A-Za-z0-9_-]{35})", kToken, nullptr,
     "Google Cloud, Sensitive Data Protection, infoType GCP_API_KEY"},
    {"api_key", "secrets", R"(\bsk-[A-Za-z0-9_-]{20})", kToken, nullptr,
     "the form of keys of OpenAI, Anthropic, DashScope, DeepSeek and others"},
    {"acloud_key", "secrets", R"(\b(?:acloud|e2b)_[0-9a-f]{40}\b)", "", nullptr, "docs/api.md"},
    {"jwt", "secrets", R"(\beyJ[A-Za-z0-9_-]{8,500}\.eyJ[A-Za-z0-9_-]{8})", kTokenParts, nullptr,
     "RFC 7519, section 3; RFC 7515, section 7.1"},
    {"payment_card", "personal_data", R"(\b[2-6](?:[ -]?\d){12,18}\b)", "", is_card,
     "ISO/IEC 7812-1, annex B"},
    {"iban", "personal_data", R"(\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b)", "", is_iban,
     "ISO 13616-1; ISO/IEC 7064, MOD 97-10"},
    {"email", "personal_data", R"(\b[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,4}[A-Za-z]{2,24}\b)",
     "", nullptr, "RFC 5321, section 4.5.3.1; RFC 1035, section 2.3.4"},
    {"phone", "personal_data", R"(\+[1-9](?:[ ().-]{0,2}\d){7,14}\b)", "", nullptr,
     "ITU-T E.164, with its country's number"},
    {"chinese_id", "personal_data", R"(\b[1-9]\d{16}[\dXx]\b)", "", is_chinese_id,
     "GB 11643-1999; ISO/IEC 7064, MOD 11-2"},
    {"us_ssn", "personal_data", R"(\b\d{3}-\d{2}-\d{4}\b)", "", is_us_ssn, "20 CFR 422.103"},
}};

}  // namespace

std::span<const Kind> kinds() { return kKinds; }

}  // namespace acloud::model::guard
