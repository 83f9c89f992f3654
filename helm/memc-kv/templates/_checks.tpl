{{/*
What the schema cannot say: values that contradict one another. Each line names the value, what was
given, and what to do. Included once, by the StatefulSet.
*/}}
{{- define "memc-kv.checks" -}}
{{- include "memc-kv.checkName" . -}}
{{- include "memc-kv.checkTopology" . -}}
{{- include "memc-kv.checkSizes" . -}}
{{- include "memc-kv.checkShutdown" . -}}
{{- include "memc-kv.checkAuth" . -}}
{{- include "memc-kv.checkTls" . -}}
{{- include "memc-kv.checkSidecar" . -}}
{{- include "memc-kv.checkObservers" . -}}
{{- include "memc-kv.checkService" . -}}
{{- include "memc-kv.checkCluster" . -}}
{{- range default list .Values.extraEnv -}}
{{- if hasPrefix "MEMCKV_" .name -}}
{{- fail (printf "extraEnv: %s is not allowed; use settings, which is checked and rolls the pods when it changes" .name) -}}
{{- end -}}
{{- if has .name (list "NODE_OPTIONS" "GLIBC_TUNABLES") -}}
{{- fail (printf "extraEnv: %s is not allowed; the chart and the image choose it with the sizes" .name) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The chart's names are those of Services too, which may be less than a release's name. */}}
{{- define "memc-kv.checkName" -}}
{{- $name := include "memc-kv.fullname" . -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $name) -}}
{{- fail (printf "fullnameOverride: %s, made of the release's name, cannot be the name of a Service: a letter first, then letters, digits and -; give a name that can" $name) -}}
{{- end -}}
{{- end -}}

{{- define "memc-kv.checkTopology" -}}
{{- $replicas := int64 .Values.replicas -}}
{{- if and (gt $replicas 1) (ne .Values.topology "sharded") -}}
{{- fail (printf "replicas: %d pods behind one address are %d different caches, and each connection sees one of them. If your clients hash keys over servers themselves, set topology=sharded; else leave replicas at 1 and give cache.memory more" $replicas $replicas) -}}
{{- end -}}
{{- if .Values.autoscaling.enabled -}}
{{- if ne .Values.topology "sharded" -}}
{{- fail "autoscaling.enabled needs topology=sharded: more pods behind one address are different caches" -}}
{{- end -}}
{{- if lt (int64 .Values.autoscaling.maxReplicas) (int64 .Values.autoscaling.minReplicas) -}}
{{- fail (printf "autoscaling.maxReplicas: %d is below autoscaling.minReplicas, %d" (int64 .Values.autoscaling.maxReplicas) (int64 .Values.autoscaling.minReplicas)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "memc-kv.checkSizes" -}}
{{- $cache := include "memc-kv.cacheBytes" . | int64 -}}
{{- if gt $cache (mul 32 1073741824) -}}
{{- fail (printf "cache.memory: %s is not allowed; at most 32Gi" .Values.cache.memory) -}}
{{- end -}}
{{- if gt (mul 2 (include "memc-kv.bytes" (dict "value" .Values.cache.maxItemSize "name" "cache.maxItemSize") | int64)) $cache -}}
{{- fail (printf "cache.maxItemSize: %s is not allowed; at most half of cache.memory, %s" .Values.cache.maxItemSize .Values.cache.memory) -}}
{{- end -}}
{{- $requests := .Values.resources.requests -}}
{{- $limits := .Values.resources.limits -}}
{{- if $requests.memory -}}
{{- include "memc-kv.checkMemory" (dict "root" . "value" $requests.memory "name" "resources.requests.memory") -}}
{{- end -}}
{{- if $limits.memory -}}
{{- include "memc-kv.checkMemory" (dict "root" . "value" $limits.memory "name" "resources.limits.memory" "limit" true) -}}
{{- $request := include "memc-kv.memoryRequest" . -}}
{{- if gt (include "memc-kv.bytes" (dict "value" $request "name" "resources.requests.memory") | int64) (include "memc-kv.bytes" (dict "value" $limits.memory "name" "resources.limits.memory") | int64) -}}
{{- fail (printf "resources.limits.memory: %s is below the request, %s" (include "memc-kv.amount" $limits.memory) $request) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "memc-kv.checkShutdown" -}}
{{- $given := int64 .Values.shutdown.terminationGracePeriodSeconds -}}
{{- $least := add 5 (include "memc-kv.shutdownSeconds" . | int64) -}}
{{- if and (ne $given 0) (lt $given $least) -}}
{{- fail (printf "shutdown.terminationGracePeriodSeconds: %d is not enough; preStop, delay, drain and grace need %d, or leave it at 0" $given $least) -}}
{{- end -}}
{{- end -}}

{{- define "memc-kv.checkTls" -}}
{{- $tls := .Values.tls -}}
{{- $scripts := or .Values.tests.enabled (eq "true" (include "memc-kv.resizable" .)) -}}
{{- if not $tls.enabled -}}
{{- if or $tls.existingSecret $tls.certificate.enabled (ne $tls.clientCertificates "none") -}}
{{- fail "tls.existingSecret, tls.certificate or tls.clientCertificates is given, but tls.enabled is false: nothing would be encrypted" -}}
{{- end -}}
{{- else -}}
{{- if and $tls.existingSecret $tls.certificate.enabled -}}
{{- fail "tls.existingSecret and tls.certificate are both given; one of them" -}}
{{- end -}}
{{- if not (or $tls.existingSecret $tls.certificate.enabled) -}}
{{- fail "tls.enabled needs tls.existingSecret or tls.certificate" -}}
{{- end -}}
{{- if and $tls.certificate.enabled (not (get (default dict $tls.certificate.issuerRef) "name")) -}}
{{- fail "tls.certificate needs tls.certificate.issuerRef.name" -}}
{{- end -}}
{{- if and $scripts (eq $tls.clientCertificates "require") (not $tls.clientSecret) -}}
{{- fail "tls.clientCertificates require needs tls.clientSecret, for helm test (tests.enabled) and for resizing" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "memc-kv.checkSidecar" -}}
{{- $tls := .Values.sidecar.tls -}}
{{- $monitors := or .Values.metrics.serviceMonitor.enabled .Values.metrics.podMonitor.enabled -}}
{{- if not $tls.enabled -}}
{{- if or $tls.existingSecret $tls.clientAuthoritySecret $tls.clientSecret -}}
{{- fail "sidecar.tls.existingSecret, clientAuthoritySecret or clientSecret is given, but sidecar.tls.enabled is false: nothing would be encrypted" -}}
{{- end -}}
{{- else -}}
{{- if not (or $tls.existingSecret .Values.tls.enabled) -}}
{{- fail "sidecar.tls.enabled needs sidecar.tls.existingSecret, or tls.enabled, whose certificate it takes then" -}}
{{- end -}}
{{- if and $tls.clientAuthoritySecret (not $tls.clientSecret) (or $monitors .Values.tests.enabled) -}}
{{- fail "sidecar.tls.clientAuthoritySecret needs sidecar.tls.clientSecret, for monitors and helm test (tests.enabled)" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "memc-kv.checkAuth" -}}
{{- $auth := .Values.auth -}}
{{- if $auth.enabled -}}
{{- if and $auth.users $auth.existingSecret -}}
{{- fail "auth.users and auth.existingSecret are both given; one of them" -}}
{{- end -}}
{{- if not (or $auth.users $auth.existingSecret) -}}
{{- fail "auth.enabled needs auth.existingSecret or auth.users" -}}
{{- end -}}
{{- if eq $auth.format "permissions" -}}
{{- if $auth.users -}}
{{- fail "auth.users cannot have permissions: give the file in auth.existingSecret, or auth.format plain" -}}
{{- end -}}
{{- if and (not $auth.loginSecret) (or .Values.tests.enabled (eq "true" (include "memc-kv.resizable" .))) -}}
{{- fail "auth.format permissions needs auth.loginSecret, for helm test (tests.enabled) and for resizing: passwords in the file are hashed" -}}
{{- end -}}
{{- end -}}
{{- else if or $auth.users $auth.existingSecret -}}
{{- fail "auth.users or auth.existingSecret is given, but auth.enabled is false: nobody would have to authenticate" -}}
{{- end -}}
{{- end -}}

{{- define "memc-kv.checkObservers" -}}
{{- $metrics := .Values.metrics -}}
{{- if and $metrics.serviceMonitor.enabled $metrics.podMonitor.enabled -}}
{{- fail "metrics.serviceMonitor.enabled and metrics.podMonitor.enabled are both true; each sample would be taken twice" -}}
{{- end -}}
{{- if and $metrics.serviceMonitor.enabled (not $metrics.service.enabled) -}}
{{- fail "metrics.serviceMonitor.enabled needs metrics.service.enabled" -}}
{{- end -}}
{{- range $name := list "serviceMonitor" "podMonitor" -}}
{{- $monitor := get $metrics $name -}}
{{- if and $monitor.interval $monitor.scrapeTimeout -}}
{{- if gt (include "memc-kv.milliseconds" $monitor.scrapeTimeout | int64) (include "memc-kv.milliseconds" $monitor.interval | int64) -}}
{{- fail (printf "metrics.%s.scrapeTimeout: %s is longer than the interval, %s" $name $monitor.scrapeTimeout $monitor.interval) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and .Values.tracing.enabled (not .Values.tracing.endpoint) -}}
{{- fail "tracing.enabled needs tracing.endpoint" -}}
{{- end -}}
{{- end -}}

{{- define "memc-kv.checkService" -}}
{{- $service := .Values.service -}}
{{- if and (eq $service.type "ClusterIP") (ne (int64 $service.nodePort) 0) -}}
{{- fail (printf "service.nodePort: %d has no effect with service.type ClusterIP; NodePort or LoadBalancer" (int64 $service.nodePort)) -}}
{{- end -}}
{{- if ne $service.type "LoadBalancer" -}}
{{- range $name := list "loadBalancerClass" "loadBalancerSourceRanges" -}}
{{- if get $service $name -}}
{{- fail (printf "service.%s has no effect with service.type %s; LoadBalancer" $name $service.type) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "memc-kv.checkCluster" -}}
{{- $version := .Capabilities.KubeVersion.Version -}}
{{- if and (not .Values.hostUsers) (ne "true" (include "memc-kv.kubernetes" (dict "root" . "version" "1.33"))) -}}
{{- fail (printf "hostUsers: false needs Kubernetes 1.33, this is %s" $version) -}}
{{- end -}}
{{- end -}}
