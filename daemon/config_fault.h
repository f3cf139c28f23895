#pragma once
// What to say about a configuration that cannot be read. The library's own words quote the line, and the line
// may be a PIN or a password that was pasted into the wrong place: only names of keys are repeated.

#include <boost/program_options/errors.hpp>
#include <functional>
#include <string>

#include "base/error.h"

namespace claviger::daemon {

// The first line of `text` that is neither a section, nor a known key with a value, by its number.
Error FileFault(const std::string& path, const std::string& text,
                const std::function<bool(const std::string& key)>& known);

Error FlagFault(const boost::program_options::error& error);

}  // namespace claviger::daemon
