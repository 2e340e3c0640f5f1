# Starts the memory service in this window, or in the background with -BackgroundProcess.
param(
    [string]$HostAddress = "127.0.0.1",
    [int]$Port = 8888,
    [string]$OllamaUrl = "",
    [string]$Model = "",
    [switch]$BackgroundProcess
)

$ErrorActionPreference = "Stop"
$ProjectRoot = Split-Path -Parent $PSScriptRoot
$DataDirectory = if ($env:DATA_DIR) { $env:DATA_DIR } else { Join-Path $ProjectRoot "data/letta" }
$ConfigFile = Join-Path $PSScriptRoot "letta_config.json"

if (-not (Get-Command holdfast -ErrorAction SilentlyContinue)) {
    throw "holdfast is not installed in this environment: pip install holdfast"
}

$Words = @("service", "qwen", $HostAddress, "$Port", "--config", "`"$ConfigFile`"", "--data-dir", "`"$DataDirectory`"")
if ($OllamaUrl) { $Words += @("--ollama-url", $OllamaUrl) }
if ($Model) { $Words += @("--model", "`"$Model`"") }

New-Item -ItemType Directory -Force -Path $DataDirectory | Out-Null
$Started = @{ FilePath = "holdfast"; ArgumentList = $Words; WorkingDirectory = $ProjectRoot; PassThru = $true }

if ($BackgroundProcess) {
    $Started.RedirectStandardOutput = Join-Path $DataDirectory "service.log"
    $Started.RedirectStandardError = Join-Path $DataDirectory "service-errors.log"
    $Service = Start-Process @Started
    Set-Content -Path (Join-Path $DataDirectory "service.pid") -Value $Service.Id
    Write-Host "Started in the background as process $($Service.Id): http://${HostAddress}:$Port"
    Write-Host "Stop it with: Stop-Process -Id $($Service.Id)"
}
else {
    $Service = Start-Process @Started -NoNewWindow -Wait
    exit $Service.ExitCode
}
