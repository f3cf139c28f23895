#include "daemon/sandbox/name_services.h"

#include <dlfcn.h>

#include <fstream>
#include <sstream>
#include <string>

namespace claviger::daemon {

// Never unloaded. The C library finds a loaded library by its name, and maps nothing.
void LoadNameServices() {
  std::ifstream file("/etc/nsswitch.conf");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string database;
    words >> database;
    if (database != "hosts:" && database != "passwd:") continue;
    for (std::string service; words >> service;) {
      if (service.front() != '[') ::dlopen(("libnss_" + service + ".so.2").c_str(), RTLD_NOW | RTLD_LOCAL);
    }
  }
}

}  // namespace claviger::daemon
