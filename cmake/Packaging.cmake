# A Debian package of both services: `cpack` in a build directory of the preset `release`. For hosts
# without Kubernetes: binaries, units, examples of configuration; nothing is started by installing it.
include(GNUInstallDirs)

install(TARGETS subcults-api subcults-indexer RUNTIME DESTINATION bin)
install(FILES
    deploy/systemd/subcults-migrate.service
    deploy/systemd/subcults-api.service
    deploy/systemd/subcults-indexer.service
  DESTINATION lib/systemd/system)
install(FILES deploy/systemd/subcults.sysusers
  DESTINATION lib/sysusers.d RENAME subcults.conf)
# Not among the documents: small systems leave those out.
install(FILES deploy/debian/database.env deploy/debian/api.env deploy/debian/indexer.env
  DESTINATION share/subcults/examples)
install(FILES
    docs/operations.md docs/observability.md docs/metrics.md docs/audit.md docs/privacy.md docs/jobs.md
  DESTINATION share/doc/subcults)
install(DIRECTORY deploy/prometheus/rules DESTINATION share/subcults/prometheus)
install(DIRECTORY deploy/grafana/dashboards DESTINATION share/subcults/grafana)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME subcults)
set(CPACK_PACKAGE_CONTACT "Subcults operations <operations@subcult.tv>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Streaming API and Jetstream indexer of Subcults")
set(CPACK_PACKAGE_VERSION "${PROJECT_VERSION}")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "ca-certificates, systemd")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
  "${PROJECT_SOURCE_DIR}/deploy/debian/postinst;${PROJECT_SOURCE_DIR}/deploy/debian/prerm;${PROJECT_SOURCE_DIR}/deploy/debian/postrm")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
