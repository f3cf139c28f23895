#pragma once
// CLAVIGER_VERSION comes from the build (project version).

#ifndef CLAVIGER_VERSION
#error "CLAVIGER_VERSION is defined by cli/CMakeLists.txt"
#endif
