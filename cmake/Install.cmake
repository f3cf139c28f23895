# `cmake --install build/release --prefix /usr`: what a package would hold. The unit names /usr/sbin/clavigerd, so
# another prefix needs a drop-in for ExecStart.
include(GNUInstallDirs)

install(TARGETS clavigerd RUNTIME DESTINATION ${CMAKE_INSTALL_SBINDIR})
install(TARGETS claviger RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

file(GLOB pages_1 CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/docs/man/*.1)
file(GLOB pages_8 CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/docs/man/*.8)
install(FILES ${pages_1} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${pages_8} DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)

install(FILES packaging/completion/claviger.bash
  DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME claviger)
install(FILES packaging/completion/clavigerd.bash
  DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME clavigerd)
install(FILES packaging/completion/_claviger DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
install(FILES packaging/completion/claviger.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)

install(DIRECTORY packaging/systemd/ DESTINATION lib/systemd/system)
install(FILES packaging/sysusers.d/claviger.conf DESTINATION lib/sysusers.d)
install(FILES packaging/tmpfiles.d/claviger-keys.conf DESTINATION lib/tmpfiles.d)

file(GLOB documents CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/docs/*.md ${CMAKE_SOURCE_DIR}/docs/openapi.yaml)
install(FILES ${documents} packaging/clavigerd.conf packaging/postgresql/roles.sql
  DESTINATION ${CMAKE_INSTALL_DOCDIR})
