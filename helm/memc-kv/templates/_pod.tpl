{{/* What all pods have in common, those of the test and of the resize included. */}}
{{- define "memc-kv.podBase" -}}
serviceAccountName: {{ include "memc-kv.serviceAccountName" . }}
automountServiceAccountToken: false
# Variables for every Service of the namespace would only be in the way.
enableServiceLinks: false
{{- include "memc-kv.imagePullSecrets" . }}
{{- with .Values.podSecurityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if not .Values.hostUsers }}
hostUsers: false
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- with .Values.schedulerName }}
schedulerName: {{ . }}
{{- end }}
{{- end -}}

{{/* The pods of the StatefulSet, without containers and volumes. */}}
{{- define "memc-kv.podSpec" -}}
{{- include "memc-kv.podBase" . }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if .Values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- toYaml .Values.topologySpreadConstraints | nindent 2 }}
{{- else if and .Values.defaultTopologySpread (gt (include "memc-kv.replicasMax" . | int64) 1) }}
topologySpreadConstraints:
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "memc-kv.selectorLabels" $ | nindent 8 }}
    matchLabelKeys:
      - controller-revision-hash
  {{- end }}
{{- end }}
{{- end -}}

{{- define "memc-kv.environment" -}}
env:
  # The heap of JavaScript, which items are not in: Node's own guess can be larger than the container.
  - name: NODE_OPTIONS
    value: --max-old-space-size={{ include "memc-kv.heapMebibytes" . }}
  {{- if .Values.tracing.enabled }}
  {{- include "memc-kv.tracingEnvironment" . | nindent 2 }}
  {{- end }}
  {{- with .Values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .Values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "memc-kv.tracingEnvironment" -}}
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: POD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: NODE_NAME
  valueFrom:
    fieldRef:
      fieldPath: spec.nodeName
- name: OTEL_SERVICE_NAME
  value: {{ include "memc-kv.fullname" . }}
- name: OTEL_RESOURCE_ATTRIBUTES
  value: k8s.namespace.name=$(POD_NAMESPACE),k8s.pod.name=$(POD_NAME),k8s.node.name=$(NODE_NAME),k8s.container.name=memc-kv,service.instance.id=$(POD_NAMESPACE).$(POD_NAME).memc-kv
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ .Values.tracing.endpoint | quote }}
- name: OTEL_EXPORTER_OTLP_PROTOCOL
  value: {{ .Values.tracing.protocol }}
{{- with .Values.tracing.sampler }}
- name: OTEL_TRACES_SAMPLER
  value: {{ . }}
{{- end }}
{{- with .Values.tracing.samplerArgument }}
- name: OTEL_TRACES_SAMPLER_ARG
  value: {{ . | quote }}
{{- end }}
{{- with .Values.tracing.headersSecret }}
- name: OTEL_EXPORTER_OTLP_HEADERS
  valueFrom:
    secretKeyRef:
      name: {{ . }}
      key: headers
{{- end }}
{{- end -}}

{{- define "memc-kv.probe" -}}
{{- if .probe.custom -}}
{{- toYaml .probe.custom -}}
{{- else -}}
httpGet:
  path: {{ .path }}
  port: metrics
periodSeconds: {{ int64 .probe.periodSeconds }}
timeoutSeconds: {{ int64 .probe.timeoutSeconds }}
failureThreshold: {{ int64 .probe.failureThreshold }}
{{- end -}}
{{- end -}}

{{- define "memc-kv.mounts" -}}
- name: config
  mountPath: /etc/memc-kv/config
  readOnly: true
{{- if .Values.auth.enabled }}
{{ include "memc-kv.authMount" . }}
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "memc-kv.authVolume" -}}
- name: auth
  secret:
    secretName: {{ include "memc-kv.authSecret" . }}
    defaultMode: 0440
    items:
      - key: {{ include "memc-kv.authKey" . }}
        path: users
{{- end -}}

{{- define "memc-kv.authMount" -}}
- name: auth
  mountPath: /etc/memc-kv/auth
  readOnly: true
{{- end -}}

{{/*
The container of the test and of the resize: the server's image, a script of files/ and a few variables.
(dict "root" $ "name" NAME "script" FILE "environment" list)
*/}}
{{- define "memc-kv.scriptContainer" -}}
- name: {{ .name }}
  image: {{ include "memc-kv.image" .root }}
  imagePullPolicy: {{ .root.Values.image.pullPolicy }}
  command:
    - node
    - --input-type=module
    - --eval
    - {{ .root.Files.Get .script | toJson }}
  env:
    {{- toYaml .environment | nindent 4 }}
  resources:
    {{- toYaml .root.Values.tests.resources | nindent 4 }}
  securityContext:
    {{- toYaml .root.Values.containerSecurityContext | nindent 4 }}
  {{- if .root.Values.auth.enabled }}
  volumeMounts:
    {{- include "memc-kv.authMount" .root | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* Names of all pods there may be, within the namespace, with blanks between. */}}
{{- define "memc-kv.podNames" -}}
{{- $names := list -}}
{{- range $index := until (include "memc-kv.replicasMax" . | int) -}}
{{- $names = append $names (printf "%s-%d.%s" (include "memc-kv.fullname" $) $index (include "memc-kv.headlessName" $)) -}}
{{- end -}}
{{- join " " $names -}}
{{- end -}}

{{/*
A Job that runs one script as a hook. It takes itself away, so that nothing stays after an uninstall, and
has a component of its own, so that no Service takes its pod for a cache.
*/}}
{{- define "memc-kv.scriptJob" -}}
{{- $root := .root -}}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ include "memc-kv.fullname" $root }}-{{ .name }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "memc-kv.labels" (dict "root" $root "component" .name) | nindent 4 }}
  annotations:
    {{- mergeOverwrite (dict) $root.Values.commonAnnotations (dict
      "helm.sh/hook" .hook
      "helm.sh/hook-delete-policy" "before-hook-creation,hook-succeeded") | toYaml | nindent 4 }}
spec:
  backoffLimit: 0
  activeDeadlineSeconds: 300
  ttlSecondsAfterFinished: 600
  template:
    metadata:
      labels:
        {{- mergeOverwrite (dict) $root.Values.commonLabels (dict
          "app.kubernetes.io/name" (include "memc-kv.name" $root)
          "app.kubernetes.io/instance" $root.Release.Name
          "app.kubernetes.io/component" .name) | toYaml | nindent 8 }}
    spec:
      {{- include "memc-kv.podBase" $root | nindent 6 }}
      restartPolicy: Never
      containers:
        {{- include "memc-kv.scriptContainer" . | nindent 8 }}
      {{- if $root.Values.auth.enabled }}
      volumes:
        {{- include "memc-kv.authVolume" $root | nindent 8 }}
      {{- end }}
{{- end -}}
