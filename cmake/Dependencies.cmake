# Every library we link, all from Debian 12.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(Boost 1.74 REQUIRED COMPONENTS program_options)
find_package(nlohmann_json REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(doctest REQUIRED)
pkg_check_modules(argon2 REQUIRED IMPORTED_TARGET libargon2)
pkg_check_modules(p11kit REQUIRED IMPORTED_TARGET p11-kit-1)
pkg_check_modules(pq REQUIRED IMPORTED_TARGET libpq)
pkg_check_modules(curl REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(oath REQUIRED IMPORTED_TARGET liboath)
pkg_check_modules(qrencode REQUIRED IMPORTED_TARGET libqrencode)
pkg_check_modules(systemd REQUIRED IMPORTED_TARGET libsystemd)
pkg_check_modules(prometheus REQUIRED IMPORTED_TARGET prometheus-cpp-core)
pkg_check_modules(seccomp REQUIRED IMPORTED_TARGET libseccomp)
pkg_check_modules(secret REQUIRED libsecret-1)
find_package(date REQUIRED)

add_library(claviger_third_party_base INTERFACE)
target_link_libraries(claviger_third_party_base INTERFACE Boost::headers spdlog::spdlog fmt::fmt
  nlohmann_json::nlohmann_json Threads::Threads)

# The archive is named in full: -lpistache would take the shared object.
add_library(pistache_static INTERFACE)
target_link_libraries(pistache_static INTERFACE -l:libpistache.a OpenSSL::SSL OpenSSL::Crypto Threads::Threads)
target_compile_definitions(pistache_static INTERFACE PISTACHE_USE_SSL)
