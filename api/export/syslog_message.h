#pragma once
// Records as syslog messages (RFC 5424) in octet-counting frames (RFC 5425 section 4.3). docs/FORMATS.md.

#include <string>
#include <string_view>

#include "crypto/audit_seal.h"

namespace claviger::api {

// `host` is our name, as RFC 5424 allows it; anything else in it becomes '-'.
std::string SyslogFrame(const crypto::AuditVerifier::LinkedRecord& linked, std::string_view host);
// Number and hash: what a receiver needs to notice a database that was set back.
std::string SyslogFrame(const crypto::AuditCheckpoint& checkpoint, std::string_view host);

}  // namespace claviger::api
